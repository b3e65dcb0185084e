"""What the agent asks of the network: a place to join, and an orderly way out of the traffic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from skerry.loops.network import NetworkLoop
from skerry.loops.segments import SegmentsLoop
from skerry.model.drain import DrainOutcome, DrainRules
from skerry.model.listening import Listening
from skerry.model.objects import Task


class Drainer(Protocol):
    """What waits for requests in flight."""

    async def drain(self, pid: int, address: str | None, rules: DrainRules) -> DrainOutcome: ...

    async def displaced(self, pid: int, places: Mapping[str, str], runtime: str) -> Mapping[str, str]: ...

    async def lead_names(self, pid: int, leg: str, address: str) -> None: ...

    async def silence(self, pid: int, listening: Listening, runtime: str, timeout_s: float | None) -> str: ...

    async def forget(self, addresses: Iterable[str], *, established: bool = True) -> None: ...


class Handover:
    """`agent.traffic.Traffic`, made of the two network loops and the kernel side."""

    def __init__(self, network: NetworkLoop, segments: SegmentsLoop, drainer: Drainer) -> None:
        self._network = network
        self._segments = segments
        self._drainer = drainer

    async def joinable(self, task: Task) -> None:
        """Return once the task's networks can take containers, and its addresses lead to nobody else."""
        for attachment in task.attachments:
            await self._segments.ready(attachment.network_id)
        places = {(place.network_id, own) for place in task.attachments for own in place.reservations}
        await self._network.vacated(places)

    async def withdrawn(self, task_id: str) -> None:
        """Return once no new connection can reach the task."""
        await self._network.withdrawn(task_id)

    async def drain(self, task: Task) -> DrainOutcome | None:
        """Wait until what is in flight is answered, or the service's drain timeout is over; None for a task
        that nobody reaches."""
        addresses = [address for place in task.attachments for address in place.addresses]
        if not task.status.pid or not addresses:
            return None
        only = addresses[0] if len(addresses) == 1 else None
        rules = self._network.policy(task.service_id).drain
        outcome = await self._drainer.drain(task.status.pid, only, rules)
        if not outcome.open:
            await self._drainer.forget(addresses, established=not outcome.left)
        return outcome

    async def displaced(self, places: Mapping[str, str], pid: int, runtime: str) -> Mapping[str, str]:
        """On which networks the container of a process is not reached at its address, and why."""
        bridges = {key: bridge for key in places if (bridge := self._segments.bridge(key))}
        if not pid or not bridges:
            return {}
        at = {bridge: places[key] for key, bridge in bridges.items()}
        wrong = await self._drainer.displaced(pid, at, runtime)
        return {key: wrong[bridge] for key, bridge in bridges.items() if bridge in wrong}

    async def lead_names(self, places: Mapping[str, str], pid: int) -> None:
        """Lead them to the leg of one of its networks, which answers for all."""
        for key, address in places.items():
            if pid and address and (leg := self._segments.leg(key)):
                await self._drainer.lead_names(pid, leg, address)
                return

    async def silence(self, pid: int, listening: Listening, runtime: str, timeout_s: float | None) -> str:
        """Wait until the container of a process listens; "" where it does, else what is missing."""
        return await self._drainer.silence(pid, listening, runtime, timeout_s) if pid else ""

    async def forget(self, task: Task) -> None:
        """Delete the flows of a task that has ended by itself; its address may be given out again."""
        await self._drainer.forget([address for place in task.attachments for address in place.addresses])
