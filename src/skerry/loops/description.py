"""What the swarm says about its node, kept as it is: plugins are installed, and an engine changes."""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from msgspec.structs import replace

from skerry.agent.waits import delays
from skerry.engine.describe import describe
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.store.store import Store, Tx

log = structlog.get_logger()

LOOK_S = 30.0
"""Not all that a description tells is announced by an event."""


class DescriptionLoop:
    """Describes the node anew when the engine tells of a plugin, and regularly."""

    def __init__(self, store: Store, engine: Engine, look_s: float = LOOK_S) -> None:
        self._store = store
        self._engine = engine
        self._look_s = look_s
        self._due = asyncio.Event()

    async def run(self) -> None:
        """Follow the engine for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="description: engine")
            group.create_task(self._look_now_and_then(), name="description: look")

    async def _listen(self) -> None:
        waits = delays()
        while True:
            try:
                async with self._engine.events(type=["plugin"]) as events:
                    waits = delays()
                    self._due.set()
                    async for _ in events:
                        self._due.set()
            except (EngineUnreachable, EngineError) as error:
                log.warning("the engine's events about plugins broke off", error=error.message)
            await asyncio.sleep(next(waits))

    async def _look_now_and_then(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._due.wait()
            self._due.clear()
            try:
                await self.look()
            except (EngineUnreachable, EngineError) as error:
                log.warning("the node could not be described", error=error.message)

    async def look(self) -> None:
        """Write the description down where it is another."""
        if self._store.view.node is None:
            return
        hostname, description = await describe(self._engine)

        def write(tx: Tx) -> None:
            node = tx.view.node
            if node is not None and (node.hostname, node.description) != (hostname, description):
                tx.put(replace(node, hostname=hostname, description=description))

        await self._store.update(write)
