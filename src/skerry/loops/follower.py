"""Which plain containers to look at: the engine's events tell who comes and goes.

All are due again every 30 s, and after each subscription, since an engine drops events that nobody takes fast
enough. Containers of tasks are left out: the agent knows them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from skerry.agent.waits import delays
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.model.container_labels import TASK_ID
from skerry.model.objects import Raw

RESYNC_S = 30.0
ACTIONS = ["start", "die", "destroy", "rename", "connect", "disconnect"]


class ContainerFollower:
    """Collects the containers that are due, and calls `look` whenever there are some."""

    def __init__(
        self,
        engine: Engine,
        look: Callable[[], Awaitable[None]],
        concerns: Callable[[Raw, str], bool],
        resync_s: float = RESYNC_S,
    ) -> None:
        """`look` takes what is due (`take`); where it fails with the engine, everything is due again.
        `concerns` says whether an event about a container, by its ID, is worth a look."""
        self._engine = engine
        self._look = look
        self._concerns = concerns
        self._resync_s = resync_s
        self._woken = asyncio.Event()
        self._due: set[str] = set()
        self._ended: set[str] = set()
        self._everything = True

    def suspect(self, container: str) -> None:
        """Have the next look include this one."""
        self._due.add(container)

    def suspect_all(self) -> None:
        """Have the next look include everything."""
        self._everything = True

    def take(self) -> tuple[set[str], set[str], bool]:
        """What is due from now on to be looked at, whichever of it has ended (and so is not on its way up),
        and whether everything else is due as well."""
        taken = self._due, self._ended, self._everything
        self._due, self._ended, self._everything = set(), set(), False
        return taken

    async def run(self) -> None:
        """Follow the engine for ever; again after a failure, from everything anew."""
        self._everything = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_engine(), name="containers: engine")
            group.create_task(self._follow_due(), name="containers: looks")

    async def _follow_engine(self) -> None:
        waits = delays()
        while True:
            with suppress(EngineUnreachable, EngineError):
                async with self._engine.events(type=["container", "network"], event=ACTIONS) as events:
                    self.suspect_all()
                    self._woken.set()
                    waits = delays()
                    async for event in events:
                        self._receive(event)
            await asyncio.sleep(next(waits))

    def _receive(self, event: Raw) -> None:
        attributes = event["Actor"].get("Attributes") or {}
        key = str(attributes.get("container", "") if event["Type"] == "network" else event["Actor"]["ID"])
        if key and TASK_ID not in attributes and self._concerns(event, key):
            self._due.add(key)
            self._ended |= {key} if event["Action"] in ("die", "destroy") else set()
            self._woken.set()

    async def _follow_due(self) -> None:
        """Look at once when something is due, at everything by and by, and again soon after a failure."""
        loop, waits = asyncio.get_running_loop(), delays()
        resync_at = loop.time()
        while True:
            self._woken.clear()
            if self._everything or loop.time() >= resync_at:
                self._everything, resync_at = True, loop.time() + self._resync_s
            try:
                await self._look()
                waits, until = delays(), resync_at
            except (EngineUnreachable, EngineError):  # the engine loop says it
                self._everything, until = True, loop.time() + next(waits)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._woken.wait()
