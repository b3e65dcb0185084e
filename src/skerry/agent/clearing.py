"""Containers that have ended while the engine still clears up after them: networks and mounts, some 100 ms.

Their tasks are over, and a successor may start; but an address of such a container, which somebody may have
been given by now, the engine refuses until it is done.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from skerry.model.family import FAMILIES
from skerry.model.objects import Task


class Clearing:
    """Which addresses the engine has not given back yet."""

    def __init__(self) -> None:
        self._held: Counter[tuple[str, str]] = Counter()
        self._freed = asyncio.Event()

    @contextmanager
    def of(self, task: Task) -> Iterator[None]:
        """While this lasts, the engine clears up after the task."""
        own = Counter(
            (place.network_id, place.at(family) or place.given(family))
            for place in task.attachments
            for family in FAMILIES
        )
        self._held.update(own)
        try:
            yield
        finally:
            self._held -= own
            self._freed.set()
            self._freed = asyncio.Event()

    async def done(self, task: Task) -> None:
        """Until none of the addresses that the task is to have is held any more."""
        wanted = [(place.network_id, own) for place in task.attachments for own in place.reservations]
        while any(self._held[place] for place in wanted):
            await self._freed.wait()
