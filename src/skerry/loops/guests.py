"""Plain containers on attachable networks: the gate is told their names, and answers them as it does tasks.

The engine's events tell who comes and goes; everything is looked at again every 30 s, and after each
subscription, since an engine drops events that nobody takes fast enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from skerry.agent.waits import delays
from skerry.core.guests import TASK_LABEL, Container, Guests, container_of, guests
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.model.objects import Network, Raw
from skerry.store.store import Store

RESYNC_S = 30.0
SETTLED_S = 5.0
"""How long whoever starts a container is kept waiting for its names."""
HEARD = ["start", "die", "destroy", "rename", "connect", "disconnect"]


class Audience(Protocol):
    """What is told of the guests (`loops.network`)."""

    def expect_guests(self) -> None: ...

    def tell_guests(self, seen: Guests) -> None: ...

    async def guests_applied(self) -> None: ...


class Leader(Protocol):
    """What has 127.0.0.11 inside of a container lead to the gate (`network.kernel`)."""

    async def lead_names(self, pid: int, leg: str, address: str) -> None: ...


class GuestsLoop:
    """Knows the plain containers that run, and tells of those on our networks."""

    def __init__(
        self, store: Store, engine: Engine, audience: Audience, leader: Leader, resync_s: float = RESYNC_S
    ) -> None:
        self._store = store
        self._engine = engine
        self._audience = audience
        self._leader = leader
        self._resync_s = resync_s
        self._containers: dict[str, Container] = {}
        self._suspects: set[str] = set()
        """Containers that have to be looked at."""
        self._all = True
        self._had_room = False
        self._wanted = asyncio.Event()
        self._looking = asyncio.Lock()
        audience.expect_guests()

    async def run(self) -> None:
        """Follow the engine for ever; again after a failure, from everything anew."""
        self._suspect_all()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_engine(), name="guests: engine")
            group.create_task(self._follow_suspicions(), name="guests: looks")

    async def settled(self, container: str) -> None:
        """Return once the gate knows a container as it is now; or after a while, whatever it knows."""
        if not self._has_room():
            return
        self._suspects.add(container)
        with suppress(TimeoutError, EngineError, EngineUnreachable):
            async with asyncio.timeout(SETTLED_S):
                await self._look()

    def _suspect_all(self) -> None:
        self._all = True
        self._wanted.set()

    def _has_room(self) -> bool:
        """Whether there is a network that takes guests."""
        return any(network.attachable for network in self._store.view.networks.values())

    async def _follow_engine(self) -> None:
        waits = delays()
        while True:
            with suppress(EngineUnreachable, EngineError):
                async with self._engine.events(type=["container", "network"], event=HEARD) as events:
                    self._suspect_all()
                    waits = delays()
                    async for event in events:
                        self._heard(event)
            await asyncio.sleep(next(waits))

    def _heard(self, event: Raw) -> None:
        attributes = event["Actor"].get("Attributes") or {}
        key = str(attributes.get("container", "") if event["Type"] == "network" else event["Actor"]["ID"])
        if TASK_LABEL not in attributes and not self._is_task(key):
            self._suspects.add(key)
            self._wanted.set()

    def _is_task(self, container: str) -> bool:
        tasks = self._store.view.tasks.values()
        return not container or any(task.status.container_id == container for task in tasks)

    async def _follow_suspicions(self) -> None:
        waits = delays()
        while True:
            try:
                await self._look()
                waits, pause = delays(), self._resync_s
            except (EngineUnreachable, EngineError):  # the engine loop says it
                self._audience.tell_guests(guests(self._containers.values()))
                self._all, pause = True, next(waits)
            try:
                async with asyncio.timeout(pause):
                    await self._wanted.wait()
            except TimeoutError:
                self._all = True

    async def _look(self) -> None:
        """Look at whatever is to be looked at, tell of it, and have the guests ask the gate."""
        async with self._looking:
            self._wanted.clear()
            suspects = await self._to_look_at()
            try:
                containers = [await self._seen(key) for key in sorted(suspects)]
            except BaseException:
                self._all = True
                raise
            self._audience.tell_guests(guests(self._containers.values()))
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLED_S):
                    await self._audience.guests_applied()
            for container in filter(None, containers):
                await self._lead(container)

    async def _to_look_at(self) -> set[str]:
        suspects, self._suspects = self._suspects, set()
        if not self._all and self._had_room == self._has_room():
            return suspects
        running = await self._running()
        self._all, self._had_room = False, self._has_room()
        return running | self._containers.keys() | suspects

    async def _running(self) -> set[str]:
        """The containers that run and are no tasks; none where no network takes them."""
        if not self._has_room():
            return set()
        rows = await self._engine.get_list("/containers/json")
        return {str(row["Id"]) for row in rows if TASK_LABEL not in (row.get("Labels") or {})}

    async def _seen(self, key: str) -> Container | None:
        """A container as it is now, which is noted; None where it does not run, or is a task."""
        seen = await self._engine.inspect_container(key) if self._has_room() else None
        container = container_of(seen, self._networks) if seen is not None else None
        if container is None:
            self._containers.pop(key if seen is None else str(seen["Id"]), None)
        else:
            self._containers[container.id] = container
        return container

    @property
    def _networks(self) -> Mapping[str, Network]:
        return {one.engine_name: one for one in self._store.view.networks.values() if one.leg}

    async def _lead(self, container: Container) -> None:
        for leg, address in container.legs[:1]:
            await self._leader.lead_names(container.pid, leg, address)
