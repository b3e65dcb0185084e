"""Gives memory back to the kernel while there is work.

Each change leaves small holes in the C library's heap. The library keeps them, and they would grow for days
before they are used again. So does the start, some 1 MB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from skerry.linux.memory import give_back
from skerry.store.store import Store

LOOK_S = 60.0


class MemoryLoop:
    """The start, and whatever was committed since the last look, has left holes."""

    def __init__(
        self, store: Store, give_back: Callable[[], None] = give_back, look_s: float = LOOK_S
    ) -> None:
        self._store = store
        self._give_back = give_back
        self._look_s = look_s

    async def run(self) -> None:
        """Look after the memory for ever."""
        version: int | None = None
        while True:
            await asyncio.sleep(self._look_s)
            if self._store.view.version != version:
                version = self._store.view.version
                await asyncio.to_thread(self._give_back)
