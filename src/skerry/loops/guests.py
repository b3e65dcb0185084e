"""Plain containers on attachable networks: the gate is told their names, and answers them as it does tasks.

`loops.follower` follows the engine; who was started through the API is looked at before that is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from skerry.core.guests import Container, Guests, container_of, guests
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.loops.follower import RESYNC_S, ContainerFollower
from skerry.model.container_labels import TASK_ID
from skerry.model.objects import Network, Raw
from skerry.store.store import Store

SETTLED_S = 5.0
"""How long whoever starts a container is kept waiting for its names."""


class Audience(Protocol):
    """What is told of the guests (`loops.network`)."""

    def expect_guests(self) -> None: ...

    def tell_guests(self, guests: Guests) -> None: ...

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
        self._containers: dict[str, Container] = {}
        self._had_room = False
        self._follower = ContainerFollower(engine, self._look, self._concerns, resync_s)
        self._looking = asyncio.Lock()
        audience.expect_guests()

    async def run(self) -> None:
        """Follow the engine for ever; again after a failure, from everything anew."""
        await self._follower.run()

    async def settled(self, container: str) -> None:
        """Return once the gate knows a container as it is now; or after a while, whatever it knows."""
        if not self._has_room():
            return
        self._follower.suspect(container)
        with suppress(TimeoutError, EngineError, EngineUnreachable):
            async with asyncio.timeout(SETTLED_S):
                await self._look()

    def _has_room(self) -> bool:
        """Whether there is a network that takes guests."""
        return any(network.attachable for network in self._store.view.networks.values())

    def _concerns(self, event: Raw, container: str) -> bool:
        """Whether it is no task's container."""
        return all(task.status.container_id != container for task in self._store.view.tasks.values())

    async def _look(self) -> None:
        """Look at whatever is due, tell of the guests, and have them ask the gate."""
        async with self._looking:
            try:
                containers = [await self._inspect(key) for key in sorted(await self._to_look_at())]
            except BaseException:
                self._follower.suspect_all()
                raise
            finally:
                self._audience.tell_guests(guests(self._containers.values()))
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLED_S):
                    await self._audience.guests_applied()
            for container in filter(None, containers):
                await self._lead(container)

    async def _to_look_at(self) -> set[str]:
        due, _, everything = self._follower.take()
        if not everything and self._had_room == self._has_room():
            return due
        running = await self._running()
        self._had_room = self._has_room()
        return running | self._containers.keys() | due

    async def _running(self) -> set[str]:
        """The containers that run and are no tasks; none where no network takes them."""
        if not self._has_room():
            return set()
        rows = await self._engine.get_list("/containers/json")
        return {str(row["Id"]) for row in rows if TASK_ID not in (row.get("Labels") or {})}

    async def _inspect(self, key: str) -> Container | None:
        """A container as it is now, which is noted; None where it does not run, or is a task."""
        details = await self._engine.inspect_container(key) if self._has_room() else None
        container = container_of(details, self._networks) if details is not None else None
        if container is None:
            self._containers.pop(key if details is None else str(details["Id"]), None)
        else:
            self._containers[container.id] = container
        return container

    @property
    def _networks(self) -> Mapping[str, Network]:
        return {network.engine_name: network for network in self._store.view.networks.values() if network.leg}

    async def _lead(self, container: Container) -> None:
        for leg, address in container.legs[:1]:
            await self._leader.lead_names(container.pid, leg, address)
