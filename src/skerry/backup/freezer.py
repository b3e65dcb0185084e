"""Containers that stand still for a moment, by the engine's pause; and go on, whatever happens meanwhile.

Which ones is written down before the first of them stands: should skerryd be killed in between, the next one
lets them go on before anything else. Where the engine is away just then, it is asked until it answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import structlog

from skerry.engine.port import Engine, EngineError

log = structlog.get_logger()


class Freezer:
    """`frozen` has the IDs of the containers that stand still on purpose, for whoever would wonder."""

    def __init__(self, engine: Engine, note: Path, frozen: set[str]) -> None:
        self._engine = engine
        self._note = note
        self._frozen = frozen
        self._left = asyncio.Event()
        self._left.set()  # a former skerryd may have left some

    async def run(self) -> None:
        """Let those go on that were left standing, for ever; again after a failure."""
        while True:
            await self._left.wait()
            left = await asyncio.to_thread(self._read)
            if left:
                log.warning("containers were left standing by a backup: they go on", containers=left)
            await self._let_go(left)
            self._left.clear()

    def _read(self) -> list[str]:
        try:
            return msgspec.json.decode(self._note.read_bytes(), type=list[str])
        except (OSError, msgspec.MsgspecError):  # none, or cut while it was written: then nothing stood yet
            return []

    @asynccontextmanager
    async def standing_still(self, containers: Collection[str]) -> AsyncIterator[None]:
        """Within, none of these runs. One that somebody paused already stays as it is afterwards."""
        running = [key for key in containers if await self._runs(key)]
        self._frozen |= set(running)
        await asyncio.to_thread(self._note.write_bytes, msgspec.json.encode(running))
        pausing = asyncio.create_task(self._pause(running))
        try:
            await asyncio.shield(pausing)
            yield
        finally:
            await asyncio.shield(self._end(pausing, running))

    async def _end(self, pausing: asyncio.Task[None], containers: list[str]) -> None:
        await asyncio.wait([pausing])  # what the engine is about to do can't be taken back before
        try:
            await self._let_go(containers)
        except BaseException:
            self._left.set()
            raise

    async def _let_go(self, containers: list[str]) -> None:
        await _all([self._ask(key, "unpause") for key in containers])
        await asyncio.to_thread(self._note.unlink, missing_ok=True)
        self._frozen -= set(containers)

    async def _pause(self, containers: list[str]) -> None:
        await _all([self._ask(key, "pause") for key in containers])

    async def _runs(self, container: str, *, paused: bool = False) -> bool:
        inspected = await self._engine.inspect_container(container)
        state = inspected["State"] if inspected is not None else {}
        return bool(state.get("Running")) and bool(state.get("Paused")) is paused

    async def _ask(self, container: str, verb: str) -> None:
        """One that has ended, or is so already, is as it should be."""
        try:
            await self._engine.post(f"/containers/{container}/{verb}")
        except EngineError:
            if await self._runs(container, paused=verb == "unpause"):
                raise


async def _all(asking: Iterable[Awaitable[None]]) -> None:
    """Wait for the end of all of them, then raise what one of them raised."""
    for failure in await asyncio.gather(*asking, return_exceptions=True):
        if isinstance(failure, BaseException):
            raise failure
