"""Containers that have ended while the engine still clears up after them: networks and mounts, some 100 ms.

Their tasks are over, and a successor may start; but an address of such a container, which somebody may have
been given by now, the engine refuses until it is done.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from skerry.model.objects import Task


class Clearing:
    """Which addresses the engine has not given back yet."""

    def __init__(self) -> None:
        self._held: Counter[tuple[str, str]] = Counter()
        self._freed = asyncio.Event()

    @contextmanager
    def of(self, task: Task) -> Iterator[None]:
        """While this lasts, the engine clears up after the task."""
        own = Counter((place.network_id, place.address or place.reserved) for place in task.attachments)
        self._held.update(own)
        try:
            yield
        finally:
            self._held -= own
            self._freed.set()
            self._freed = asyncio.Event()

    async def done(self, task: Task) -> None:
        """Until none of the addresses that the task is to have is held any more."""
        while any(self._held[place.network_id, place.reserved] for place in task.attachments):
            await self._freed.wait()
