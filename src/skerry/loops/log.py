"""The log of the private engine, which does not bound it by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

from skerry.logs import keep_within_bounds

LOOK_S = 60.0


class LogLoop:
    """Looks at a log's size now and then."""

    def __init__(self, log: Path, look_s: float = LOOK_S) -> None:
        self._log = log
        self._look_s = look_s

    async def run(self) -> None:
        """Keep it within bounds for ever."""
        while True:
            await asyncio.to_thread(keep_within_bounds, self._log)
            await asyncio.sleep(self._look_s)
