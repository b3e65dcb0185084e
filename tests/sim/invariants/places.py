"""Places: addresses, ports, history, and the node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

from skerry.model.objects import Cluster, Network, Node, Service, Task
from skerry.model.states import TaskState
from tests.sim.invariants.step import Step, policy_of

SLACK = 2
"""Tasks beyond the limit that one pass may still hold: the one that ended and its successor."""


def addresses_are_given_once(step: Step) -> Iterator[str]:
    """No two holders have one address of a network, be they services or tasks that are not over, unless one
    of two tasks has to stop before the other starts; and what is the gateway's or the gate's is nobody's."""
    if not any(isinstance(change.object, (Service, Task, Network)) for change in step.changes):
        return
    holders: dict[tuple[str, str], list[Service | Task]] = {}
    for service in step.after.services.values():
        for vip in service.endpoint.vips:
            holders.setdefault((vip.network_id, vip.address), []).append(service)
    for task in step.after.tasks.values():
        for place in task.attachments if task.placed else ():
            if place.reserved:
                holders.setdefault((place.network_id, place.reserved), []).append(task)
    for (network_id, address), who in holders.items():
        if any(not _in_turn(one, other) for one, other in combinations(who, 2)):
            yield f"{address} was given to {[one.id for one in who]}"
        network = step.after.networks.get(network_id)
        if network is not None and (
            IPv4Address(address) not in IPv4Network(network.subnet)
            or address in (network.leg, network.gateway)
        ):
            yield f"{address} is no address of {network.name} ({network.subnet}) to give"


def _in_turn(one: Service | Task, other: Service | Task) -> bool:
    if not isinstance(one, Task) or not isinstance(other, Task):
        return False
    return one.follows == other.id or other.follows == one.id


def subnets_are_given_once(step: Step) -> Iterator[str]:
    """No two networks that are not removed overlap."""
    if any(isinstance(change.object, Network) for change in step.changes):
        living = [one for one in step.after.networks.values() if one.subnet and not one.removed]
        for at, one in enumerate(living):
            for other in living[at + 1 :]:
                if IPv4Network(one.subnet).overlaps(IPv4Network(other.subnet)):
                    yield f"{one.name} has {one.subnet} and {other.name} has {other.subnet}"


def published_ports_are_given_once(step: Step) -> Iterator[str]:
    """No two services have one published port, unless both asked for it in host mode."""
    if not any(isinstance(change.object, Service) for change in step.changes):
        return
    owners: dict[tuple[str, int], list[tuple[str, str]]] = {}
    for service in step.after.services.values():
        for port in service.endpoint.ports:
            if port.published:
                owners.setdefault((port.protocol, port.published), []).append((service.name, port.mode))
    for key, who in owners.items():
        if len(who) > 1 and any(mode != "host" for _, mode in who):
            yield f"{key} belongs to {who}"


def host_ports_are_held_once(step: Step) -> Iterator[str]:
    """Two slots never hold one host-mode port: not of one service, nor of two."""
    if not any(_takes_place(old, new) for old, new in step.written):
        return
    holders: dict[tuple[str, int], set[tuple[str, int]]] = {}
    for task in step.after.tasks.values():
        if TaskState.ASSIGNED <= task.status.state <= TaskState.RUNNING:
            for port in task.endpoint.ports:
                if port.publish_mode == "host" and port.published_port:
                    key = (port.protocol, port.published_port)
                    holders.setdefault(key, set()).add((task.service_name, task.slot))
    yield from (f"{key} is held by {sorted(who)}" for key, who in holders.items() if len(who) > 1)


def reservations_fit(step: Step) -> Iterator[str]:
    """What placed tasks reserve is never more than the node has; a successor has its predecessor's share."""
    node = step.after.node
    if node is None or not any(_takes_place(old, new) for old, new in step.written):
        return
    cpus = memory = 0
    placed = [task for task in step.after.tasks.values() if task.placed]
    followed = {task.follows for task in placed}
    for task in placed:
        if task.id not in followed:
            resources = task.spec.typed.resources
            if resources is not None and resources.reservations is not None:
                cpus += resources.reservations.nano_cpus
                memory += resources.reservations.memory_bytes
    total = node.description["Resources"]
    if cpus > total["NanoCPUs"] or memory > total["MemoryBytes"]:
        yield f"{cpus} nano-CPUs and {memory} bytes are reserved, the node has {total}"


def nothing_new_on_a_closed_node(step: Step) -> Iterator[str]:
    """A node that is paused or drained gets no new tasks."""
    node = step.after.node
    if node is None or node.spec["Availability"] == "active":
        return
    for old, new in step.written:
        if step.writer == "orchestrator" and _takes_place(old, new):
            yield f"{new.name} was placed on a node that is {node.spec['Availability']}"


def history_is_kept_short(step: Step) -> Iterator[str]:
    """A slot keeps no more ended tasks than the history limit, but for those that just ended."""
    for service in step.decided:
        limit = policy_of(service).max_attempts + 1 if policy_of(service).max_attempts else _limit(step)
        ended: Counter[int] = Counter()
        for task in step.after.tasks_of(service.id):
            ended[task.slot] += task.status.state.terminal and not task.live
        for slot, count in ended.items():
            if count > limit + SLACK:
                yield f"slot {slot} of {service.name} keeps {count} ended tasks, the limit is {limit}"


def _limit(step: Step) -> int:
    cluster = step.after.cluster
    assert cluster is not None
    return int(cluster.spec["Orchestration"]["TaskHistoryRetentionLimit"])


def _takes_place(old: Task | None, new: Task) -> bool:
    placed = TaskState.ASSIGNED <= new.status.state <= TaskState.RUNNING
    return placed and (old is None or old.status.state < TaskState.ASSIGNED)


def one_node_one_swarm(step: Step) -> Iterator[str]:
    """There is one node and one swarm."""
    changed = any(isinstance(change.object, (Node, Cluster)) for change in step.changes)
    if changed and (len(step.after.nodes), len(step.after.clusters)) != (1, 1):
        yield f"{len(step.after.nodes)} nodes in {len(step.after.clusters)} swarms"


INVARIANTS = [
    addresses_are_given_once,
    subnets_are_given_once,
    published_ports_are_given_once,
    host_ports_are_held_once,
    reservations_fit,
    nothing_new_on_a_closed_node,
    history_is_kept_short,
    one_node_one_swarm,
]
