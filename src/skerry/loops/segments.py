"""The segments loop: each overlay network is a bridge network of the engine, dressed for the gate; one of
another driver is the engine's alone.

Bridges, links and the engine's networks are looked at again regularly, and at once where the engine or the
kernel tells that something is gone: whatever is missing is made again, and stands in the status until then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_network
from typing import Protocol

import structlog

from skerry.agent.waits import delays
from skerry.core.addresses import lower_half
from skerry.core.derive import segment_of
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.loops import nodelocal
from skerry.model import mtu
from skerry.model.conditions import Conditions
from skerry.model.container_labels import TASK_ID
from skerry.model.errors import SkerryError
from skerry.model.objects import AddressPlan, Network, Raw
from skerry.model.traffic import Segment
from skerry.store.store import Commit, Store, Tx

log = structlog.get_logger()

RESYNC_S = 30.0
"""What nobody tells of is found out within this time."""
MISSING = 5
"""So many chains may be gone: the engine misses one after the other."""
IN_USE = 403
"""What the engine answers to the removal of a network that a running container is on."""


class Dresser(Protocol):
    """What makes a bridge a skerry bridge (`skerry.network`)."""

    async def ensure_segment(self, segment: Segment) -> bool:
        """Dress it; True where the bridge was gone and had to be made, so that no container is on it."""

    async def drop_segment(self, segment: Segment) -> None: ...

    async def faults(self, segments: Iterable[Segment]) -> Mapping[str, str]:
        """What is missing, by network ID, in words."""

    def stands(self, segment: Segment) -> bool:
        """Whether the bridge is there at this moment."""

    async def displaced(self, pid: int, places: Mapping[str, str], runtime: str = "") -> Mapping[str, str]:
        """Of these places of a process (bridge, address) those where it is not; a loose end is plugged in."""

    async def mended(self, refusal: str) -> bool:
        """Whether what the engine misses, by the words of its refusal, was missing and has been made."""

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Call this when something may be missing."""


class SegmentsLoop:
    """Makes and removes bridges; `ready` tells when a network can take containers."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        dresser: Dresser,
        conditions: Conditions | None = None,
        resync_s: float = RESYNC_S,
    ) -> None:
        """`dresser` makes of a bridge a segment of the gate's; all is looked at again every `resync_s`."""
        self._store = store
        self._engine = engine
        self._dresser = dresser
        self._conditions = conditions or Conditions()
        self._resync_s = resync_s
        self._dressed: set[str] = set()
        self._troubled: dict[str, str] = {}
        """Networks with something wrong, by ID, and the key of what is said of them."""
        self._suspect = False
        self._settled = False
        self._due = asyncio.Event()
        self._changed = asyncio.Condition()
        dresser.on_lost(self.look)

    async def run(self) -> None:
        """Follow the store, the engine and the kernel for ever."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group, self._store.watch(self._concerns) as commits:
            group.create_task(self._follow_commits(commits))
            group.create_task(self._follow_engine())
            look_at, waits = loop.time() + self._resync_s, delays()
            while True:
                self._due.clear()
                if self._suspect or loop.time() >= look_at:
                    self._suspect, look_at = False, loop.time() + self._resync_s
                    await self._look()
                self._settled = False
                self._settled = await self._settle_all()
                try:
                    async with asyncio.timeout_at(look_at if self._settled else loop.time() + next(waits)):
                        await self._due.wait()
                    waits = delays()  # a task that has gone may have been the last on a removed network
                except TimeoutError:
                    pass

    def look(self) -> None:
        """Something may be missing: look whether all is there."""
        self._suspect = True
        self._due.set()

    async def _follow_commits(self, commits: asyncio.Queue[Commit]) -> None:
        while True:
            await commits.get()
            self._due.set()

    def _concerns(self, commit: Commit) -> bool:
        """What is not settled yet may wait for any row, most of all for a task that goes."""
        return not self._settled or any(isinstance(change.object, Network) for change in commit.changes)

    async def _follow_engine(self) -> None:
        """Hear of networks that are removed; an engine that comes back may have lost some, too."""
        waits = delays()
        while True:
            with suppress(EngineUnreachable, EngineError):
                async with self._engine.events(type=["network"], event=["destroy"]) as events:
                    self.look()
                    waits = delays()
                    async for event in events:
                        name = str((event["Actor"].get("Attributes") or {}).get("name", ""))
                        if any(name == network.engine_name for network in self._store.view.networks.values()):
                            self.look()
            await asyncio.sleep(next(waits))

    async def ready(self, network_id: str) -> None:
        """Return once containers can join the network. Raises EngineError where the engine can't make one of
        another driver, which it does on first use: whoever needs it says so."""
        network = self._store.view.networks.get(network_id)
        if network is not None and network.node_local:
            await self._engine.create_network(nodelocal.body_of(network))
            return
        if (
            network is not None
            and network_id in self._dressed
            and not self._dresser.stands(segment_of(network))
        ):
            self._dressed.discard(network_id)
            self.look()
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_ready(network_id))

    def bridge(self, network_id: str) -> str:
        """The bridge of a network; empty where it has none."""
        network = self._store.view.networks.get(network_id)
        return network.bridge if network is not None and _is_bridge(network) else ""

    def leg(self, network_id: str) -> str:
        """The gate's address on a network; empty where it has none."""
        network = self._store.view.networks.get(network_id)
        return network.leg if network is not None else ""

    def _is_ready(self, network_id: str) -> bool:
        return network_id in self._dressed or not _is_bridge(self._store.view.networks.get(network_id))

    # What is missing.

    async def _look(self) -> None:
        """Take for undressed whatever lacks something."""
        networks = [network for network in self._store.view.networks.values() if not network.removed]
        dressed = [network for network in networks if network.id in self._dressed]
        if not dressed:
            return
        try:
            faults = {**await self._dresser.faults(map(segment_of, dressed)), **await self._unknown(dressed)}
        except (OSError, SkerryError) as failure:
            log.error("the networks could not be looked at; trying again", failure=str(failure))
            return
        for network in dressed:
            if (why := faults.get(network.id)) is not None:
                log.warning("a network has lost something: mending it", network=network.name, why=why)
                self._trouble(network, f"{why}; it is being made again")
                self._dressed.discard(network.id)

    async def _unknown(self, networks: Iterable[Network]) -> dict[str, str]:
        """Those that the engine does not know any more; none where it can't be asked."""
        try:
            names = {str(network.get("Name")) for network in await self._engine.get_list("/networks")}
        except (EngineUnreachable, EngineError):
            return {}
        return {
            network.id: "the engine has removed it"
            for network in networks
            if network.engine_name not in names
        }

    # What is wanted.

    async def _settle_all(self) -> bool:
        networks = self._store.view.networks
        for key in [key for key in self._troubled if key not in networks]:
            self._well(key)
        settled = True
        for key in sorted(networks):
            settled &= await self._settle(networks[key])
        return settled

    async def _settle(self, network: Network) -> bool:
        """Bring one network's bridge to what its row asks for; False where that has to be tried again."""
        if not network.removed and (not _is_bridge(network) or network.id in self._dressed):
            return True
        try:
            await (self._remove(network) if network.removed else self._make(network))
        except (OSError, SkerryError) as failure:
            if not (isinstance(failure, EngineError) and failure.status == IN_USE):
                log.error("a network is not settled yet", network=network.name, why=str(failure))
                self._trouble(network, f"{failure}; trying again")
            return False
        self._well(network.id)
        return True

    def _trouble(self, network: Network, text: str) -> None:
        self._troubled[network.id] = f"network {network.name}"
        self._conditions.set(f"network {network.name}", text)

    def _well(self, network_id: str) -> None:
        if (key := self._troubled.pop(network_id, None)) is not None:
            self._conditions.clear(key)

    async def _make(self, network: Network) -> None:
        await self._create(network)
        if await self._dresser.ensure_segment(segment_of(network)):
            await self._plug(network)
        async with self._changed:
            self._dressed.add(network.id)
            self._changed.notify_all()
        log.info("network ready", network=network.name, subnet=network.subnet, bridge=network.bridge)

    async def _create(self, network: Network) -> None:
        """Have the engine make it. Who flushed the machine's rules took chains without which it can't."""
        for _ in range(MISSING):
            try:
                await self._engine.create_network(engine_body(network))
                return
            except EngineError as error:
                if not await self._dresser.mended(error.message):
                    raise
                log.warning("a chain of the engine's was gone: made again", why=error.message)
        await self._engine.create_network(engine_body(network))

    async def _plug(self, network: Network) -> None:
        """Bring the containers of a network back to its bridge."""
        details = await self._engine.get(f"/networks/{network.engine_name}")
        for key, endpoint in (details.get("Containers") or {}).items():
            container = await self._engine.inspect_container(str(key))
            pid = int((container or {}).get("State", {}).get("Pid") or 0)
            address = str(endpoint.get("IPv4Address", "")).partition("/")[0]
            if pid and address:
                await self._dresser.displaced(pid, {network.bridge: address})

    async def _remove(self, network: Network) -> None:
        """Remove a network's bridge and then its row, so that a failure in between is tried again. Plain
        containers on it are taken off first."""
        try:
            await self._engine.remove_network(network.engine_name)
        except EngineError as error:
            if error.status != IN_USE or not await self._take_off(network):
                raise
            await self._engine.remove_network(network.engine_name)
        if _is_bridge(network):
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
            if container is not None and TASK_ID not in (container["Config"].get("Labels") or {}):
                log.info("off a removed network", container=container["Name"], network=network.name)
                body = {"Container": key, "Force": True}
                await self._engine.post(f"/networks/{network.engine_name}/disconnect", body)
                taken = True
        return taken


def _is_bridge(network: Network | None) -> bool:
    return network is not None and bool(network.leg)


def _measure(network: Network) -> dict[str, str]:
    return {mtu.OPTION: str(network.mtu)} if network.mtu else {}


def _pool(plan: AddressPlan) -> Raw:
    """What the engine is told of a subnet. skerry names every address; what the engine chooses for a
    container that was put there behind its back is from the half where no virtual IP is as long as the other
    has room."""
    first = str(ip_network(plan.subnet).network_address)  # which the engine gives to nobody anyway
    leg = {"skerry-leg": plan.leg} if plan.leg != first else {}
    return {
        "Subnet": plan.subnet,
        "IPRange": plan.ip_range or lower_half(plan.subnet),
        "Gateway": plan.gateway,
        "AuxiliaryAddresses": {**leg, **plan.auxiliary},
    }


def engine_body(network: Network) -> Raw:
    """The engine's create call."""
    return {
        "Name": network.engine_name,
        "CheckDuplicate": True,
        "Driver": "bridge",
        "Internal": network.internal,
        "Attachable": True,
        "IPAM": {"Driver": "default", "Config": [_pool(plan) for plan in network.plans.values()]},
        "Options": {"com.docker.network.bridge.name": network.bridge, **_measure(network)},
        "Labels": {"skerry.network": network.id, "skerry.name": network.name},
        **({"EnableIPv6": True} if network.six is not None else {}),
    }
