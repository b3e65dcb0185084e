"""The leases loop: which plain container has which address of our networks follows the engine.

The engine's events tell who comes and goes; all are looked at again every 30 s, and after each subscription.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from skerry.agent.waits import delays
from skerry.control import leases
from skerry.core.leases import TASK_LABEL, leases_of
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.model.objects import Lease, Network, Raw
from skerry.store.store import Store

RESYNC_S = 30.0
HEARD = ["start", "die", "destroy", "connect", "disconnect"]


class LeasesLoop:
    """Holds the addresses of containers that run, and lets go of those of others."""

    def __init__(self, store: Store, engine: Engine, resync_s: float = RESYNC_S) -> None:
        self._store = store
        self._engine = engine
        self._resync_s = resync_s
        self._suspects: set[str] = set()
        """Containers that have to be looked at."""
        self._ended: set[str] = set()
        """Those of them that do not run any more: they are not on their way up."""
        self._all = True
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Follow the engine for ever; again after a failure, from everything anew."""
        self._all = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_engine(), name="leases: engine")
            group.create_task(self._follow_suspicions(), name="leases: looks")

    async def _follow_engine(self) -> None:
        waits = delays()
        while True:
            with suppress(EngineUnreachable, EngineError):
                async with self._engine.events(type=["container", "network"], event=HEARD) as events:
                    self._all = True
                    self._wanted.set()
                    waits = delays()
                    async for event in events:
                        self._heard(event)
            await asyncio.sleep(next(waits))

    def _heard(self, event: Raw) -> None:
        attributes = event["Actor"].get("Attributes") or {}
        network = event["Type"] == "network"
        if not self._concerns(attributes) or (
            network and str(attributes.get("name")) not in self._networks()
        ):
            return
        key = attributes.get("container") if network else event["Actor"]["ID"]
        if key:
            self._suspects.add(str(key))
            self._ended |= {str(key)} if event["Action"] in ("die", "destroy") else set()
            self._wanted.set()

    def _concerns(self, attributes: Raw) -> bool:
        """Whether it may be about a plain container on one of our networks; tasks have rows of their own."""
        return TASK_LABEL not in attributes and self._has_room()

    def _has_room(self) -> bool:
        view = self._store.view
        return bool(view.leases) or any(network.attachable for network in view.networks.values())

    def _networks(self) -> dict[str, Network]:
        return {one.engine_name: one for one in self._store.view.networks.values() if one.leg}

    async def _follow_suspicions(self) -> None:
        loop, waits = asyncio.get_running_loop(), delays()
        due_at = loop.time()
        while True:
            self._wanted.clear()
            if self._all or loop.time() >= due_at:
                self._all, due_at = True, loop.time() + self._resync_s
            try:
                await self._look()
                waits, until = delays(), due_at
            except (EngineUnreachable, EngineError):  # the engine loop says it
                self._all, until = True, loop.time() + next(waits)
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await self._wanted.wait()

    async def _look(self) -> None:
        suspects, self._suspects = self._suspects, set()
        ended, self._ended = self._ended, set()
        everybody, self._all = self._all, False
        if self._store.view.locked or not self._has_room():
            return
        if everybody:
            rows = await self._engine.get_list("/containers/json", all="true")
            suspects = {str(row["Id"]) for row in rows if TASK_LABEL not in (row.get("Labels") or {})}
        else:
            suspects -= {task.status.container_id for task in self._store.view.tasks.values()}
        if suspects or everybody:
            seen = [lease for key in sorted(suspects) for lease in await self._leases(key)]
            await leases.settle(self._store, seen, None if everybody else suspects, ended)

    async def _leases(self, container: str) -> list[Lease]:
        seen = await self._engine.inspect_container(container)
        return list(leases_of(seen, self._networks())) if seen is not None else []
