"""Looks after the state's files now and then, and writes again by itself once their disk takes something."""

from __future__ import annotations

import asyncio
import contextlib

from skerry.store.errors import StateError
from skerry.store.store import Store

LOOK_S = 5.0


class DiskLoop:
    """Whoever removes the database of a daemon that runs finds it again after so long."""

    def __init__(self, store: Store, look_s: float = LOOK_S) -> None:
        self._store = store
        self._look_s = look_s

    async def run(self) -> None:
        """Look after the files for ever."""
        while True:
            await asyncio.sleep(self._look_s)
            with contextlib.suppress(StateError):  # it stands in the status
                await self._store.look_after()
