"""The leases loop: which plain container has which address of our networks follows the engine."""

from __future__ import annotations

from skerry.control import leases
from skerry.engine.port import Engine
from skerry.loops.follower import RESYNC_S, ContainerFollower
from skerry.model.container_labels import TASK_ID
from skerry.model.objects import Lease, Network, Raw
from skerry.store.store import Store


class LeasesLoop:
    """Holds the addresses of containers that run, and lets go of those of others."""

    def __init__(self, store: Store, engine: Engine, resync_s: float = RESYNC_S) -> None:
        self._store = store
        self._engine = engine
        self._follower = ContainerFollower(engine, self._look, self._concerns, resync_s)

    async def run(self) -> None:
        """Follow the engine for ever; again after a failure, from everything anew."""
        await self._follower.run()

    def _concerns(self, event: Raw, container: str) -> bool:
        """Whether it may be about a plain container on one of our networks; tasks have rows of their own."""
        attributes = event["Actor"].get("Attributes") or {}
        return self._has_room() and (event["Type"] != "network" or attributes.get("name") in self._networks())

    def _has_room(self) -> bool:
        view = self._store.view
        return bool(view.leases) or any(network.attachable for network in view.networks.values())

    def _networks(self) -> dict[str, Network]:
        return {network.engine_name: network for network in self._store.view.networks.values() if network.leg}

    async def _look(self) -> None:
        due, ended, everything = self._follower.take()
        if self._store.view.locked or not self._has_room():
            return
        if everything:
            rows = await self._engine.get_list("/containers/json", all="true")
            due = {str(row["Id"]) for row in rows if TASK_ID not in (row.get("Labels") or {})}
        else:
            due -= {task.status.container_id for task in self._store.view.tasks.values()}
        if due or everything:
            held = [lease for container in sorted(due) for lease in await self._leases(container)]
            await leases.settle(self._store, held, None if everything else due, ended)

    async def _leases(self, container: str) -> list[Lease]:
        details = await self._engine.inspect_container(container)
        return list(leases.leases_of(details, self._networks())) if details is not None else []
