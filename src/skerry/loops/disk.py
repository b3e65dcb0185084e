"""Looks after the state's files now and then, and writes again by itself once their disk takes something."""

from __future__ import annotations

import asyncio

from skerry.store.errors import StateCame, StateError
from skerry.store.store import Store

LOOK_S = 5.0


class DiskLoop:
    """Whoever removes the database of a daemon that runs finds it again after so long.

    `came` is set where the state came later than the daemon, which has to begin again with it.
    """

    def __init__(self, store: Store, came: asyncio.Event, look_s: float = LOOK_S) -> None:
        self._store = store
        self._came = came
        self._look_s = look_s

    async def run(self) -> None:
        """Look after the files for ever."""
        while True:
            await asyncio.sleep(self._look_s)
            try:
                await self._store.look_after()
            except StateCame:
                self._came.set()
            except StateError:
                pass  # it stands in the status
