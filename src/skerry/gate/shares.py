"""How many may be open at a time, so that no service and no client can have the room of the others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import structlog

log = structlog.get_logger()

NOTE_S = 60.0
"""So long after the last refusal it is still told."""


class Quota:
    """Counts what is open by key; no key has more than `limit`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._open: Counter[str] = Counter()

    def full(self, key: str) -> bool:
        """Whether the key has all that it may have."""
        return self._open[key] >= self.limit if key in self._open else self.limit <= 0

    def enter(self, key: str) -> bool:
        """Open one for a key, unless that is one too many."""
        if self.full(key):
            return False
        self._open[key] += 1
        return True

    def leave(self, key: str) -> None:
        """Close one."""
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]

    def count(self, key: str) -> int:
        """How many a key has."""
        return self._open.get(key, 0)


class Places:
    """Places for what waits: `each` is the most that one key has, `whole` all together, but for the first
    `reserve` of each key."""

    def __init__(self, whole: int, each: int, reserve: int) -> None:
        self._whole, self._reserve = whole, reserve
        self._quota = Quota(each)
        self._count = 0

    def enter(self, key: str) -> bool:
        """Take a place, unless the key or all together have too many."""
        if self._count >= self._whole and self._quota.count(key) >= self._reserve:
            return False
        if not self._quota.enter(key):
            return False
        self._count += 1
        return True

    def leave(self, key: str) -> None:
        """Give one back."""
        self._quota.leave(key)
        self._count -= 1


class Limits(NamedTuple):
    """Bounds of what waits at the same time."""

    whole: int = 8192
    service: int = 4096
    client: int = 2048
    reserve: int = 64
    """A service has so many places of its own, whatever the others have."""


LIMITS = Limits()


class Shares:
    """Places for connections that wait. Who is refused is noted, logged once, and told for a while."""

    def __init__(self, limits: Limits, changed: Callable[[], None]) -> None:
        self._limits = limits
        self._changed = changed
        self._services, self._clients = Quota(limits.service), Quota(limits.client)
        self._count = 0
        self._refused: dict[str, asyncio.TimerHandle] = {}

    def enter(self, service: str, client: str) -> str:
        """Take a place; or why there is none. No `client` (empty) stands for many, and has no bound."""
        full = self._full(service, client)
        if not full:
            self._count += 1
            self._services.enter(service)
            if client:
                self._clients.enter(client)
        return full

    def _full(self, service: str, client: str) -> str:
        if client and self._clients.full(client):
            return f"{self._limits.client} connections of the client {client} wait for tasks"
        if self._services.full(service):
            return f"{self._limits.service} connections wait for tasks of one service"
        if self._count >= self._limits.whole and self._services.count(service) >= self._limits.reserve:
            return f"{self._limits.whole} connections wait for tasks"
        return ""

    def leave(self, service: str, client: str) -> None:
        """Give the place back."""
        self._count -= 1
        self._services.leave(service)
        if client:
            self._clients.leave(client)

    @property
    def refusing(self) -> tuple[str, ...]:
        """Why connections were refused lately."""
        return tuple(sorted(self._refused))

    def note(self, why: str) -> None:
        """Somebody was refused."""
        former = self._refused.pop(why, None)
        if former:
            former.cancel()
        self._refused[why] = asyncio.get_running_loop().call_later(NOTE_S, self._forget, why)
        if not former:
            log.warning("connections are refused", why=why)
            self._changed()

    def _forget(self, why: str) -> None:
        del self._refused[why]
        self._changed()
