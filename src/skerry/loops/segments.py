"""The segments loop: each overlay network is a bridge network of the engine, dressed for the gate."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from skerry.agent.container import TASK_LABEL
from skerry.agent.waits import delays
from skerry.core.allocate import engine_range
from skerry.engine.port import Engine, EngineError
from skerry.model.errors import SkerryError
from skerry.model.objects import Network, Raw
from skerry.model.traffic import Segment
from skerry.store.store import Store, Tx

log = structlog.get_logger()

IN_USE = 403
"""What the engine answers to the removal of a network that a running container is on."""


class Dresser(Protocol):
    """What makes a bridge a skerry bridge (`skerry.network`)."""

    async def ensure_segment(self, segment: Segment) -> None: ...

    async def drop_segment(self, segment: Segment) -> None: ...


class SegmentsLoop:
    """Makes and removes bridges; `ready` tells when a network can take containers."""

    def __init__(self, store: Store, engine: Engine, dresser: Dresser) -> None:
        self._store = store
        self._engine = engine
        self._dresser = dresser
        self._dressed: set[str] = set()
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Follow the store for ever."""
        async with self._store.watch() as commits:
            waits = delays()
            while True:
                settled = True
                networks = self._store.view.networks
                for key in sorted(networks):
                    settled &= await self._settle(networks[key])
                try:
                    async with asyncio.timeout(None if settled else next(waits)):
                        await commits.get()
                    waits = delays()  # a task that has gone may have been the last on a removed network
                except TimeoutError:
                    pass
                while not commits.empty():
                    commits.get_nowait()

    async def ready(self, network_id: str) -> None:
        """Return once containers can join the network."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_ready(network_id))

    def _is_ready(self, network_id: str) -> bool:
        return network_id in self._dressed or not _is_bridge(self._store.view.networks.get(network_id))

    async def _settle(self, network: Network) -> bool:
        """Bring one network's bridge to what its row asks for; False where that has to be tried again."""
        if not _is_bridge(network) or (network.id in self._dressed and not network.removed):
            return True
        try:
            await (self._remove(network) if network.removed else self._make(network))
        except (OSError, SkerryError) as failure:
            if not (isinstance(failure, EngineError) and failure.status == IN_USE):
                log.error("a network is not settled yet", network=network.name, why=str(failure))
            return False
        return True

    async def _make(self, network: Network) -> None:
        await self._engine.create_network(engine_body(network))
        await self._dresser.ensure_segment(segment_of(network))
        async with self._changed:
            self._dressed.add(network.id)
            self._changed.notify_all()
        log.info("network ready", network=network.name, subnet=network.subnet, bridge=network.bridge)

    async def _remove(self, network: Network) -> None:
        try:
            await self._engine.remove_network(network.engine_name)
        except EngineError as error:
            if error.status != IN_USE or not await self._take_off(network):
                raise
            await self._engine.remove_network(network.engine_name)
        await self._dresser.drop_segment(segment_of(network))
        self._dressed.discard(network.id)

        def forget(tx: Tx) -> None:
            row = tx.view.networks.get(network.id)
            if row is not None:
                tx.delete(row)

        await self._store.update(forget)

    async def _take_off(self, network: Network) -> bool:
        """Take plain containers off a network that is being removed, as the end of a swarm does: they would
        keep its bridge for ever. Tasks leave it by themselves. Whether there was one."""
        shown = await self._engine.get(f"/networks/{network.engine_name}")
        taken = False
        for key in shown.get("Containers") or {}:
            container = await self._engine.inspect_container(key)
            if container is not None and TASK_LABEL not in (container["Config"].get("Labels") or {}):
                log.info("off a removed network", container=container["Name"], network=network.name)
                body = {"Container": key, "Force": True}
                await self._engine.post(f"/networks/{network.engine_name}/disconnect", body)
                taken = True
        return taken


def _is_bridge(network: Network | None) -> bool:
    return network is not None and bool(network.leg)


def segment_of(network: Network) -> Segment:
    """The network as the kernel side knows it."""
    return Segment(
        network.id, network.bridge, network.subnet, network.gateway, network.leg, internal=network.internal
    )


def engine_body(network: Network) -> Raw:
    """The engine's create call: it gives out the subnet's lower half; VIPs and the gate have the upper."""
    return {
        "Name": network.engine_name,
        "CheckDuplicate": True,
        "Driver": "bridge",
        "Internal": network.internal,
        "Attachable": True,
        "IPAM": {
            "Driver": "default",
            "Config": [
                {
                    "Subnet": network.subnet,
                    "IPRange": engine_range(network.subnet),
                    "Gateway": network.gateway,
                }
            ],
        },
        "Options": {"com.docker.network.bridge.name": network.bridge},
        "Labels": {"skerry.network": network.id, "skerry.name": network.name},
    }
