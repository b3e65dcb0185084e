"""Why a task has no place yet: which of the scheduler's filters keeps it, and what would satisfy it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from skerry.core.constraints import constraints_met
from skerry.core.index import PortKey, host_ports_of, reserved
from skerry.core.view import View
from skerry.core.why.cause import Cause
from skerry.core.why.words import enumerated, size
from skerry.model.defaults import SECOND
from skerry.model.objects import Node, Service, Task

Explain = Callable[[View, Node, Task], Cause]
BIGGEST = 3
"""So many of those who have reserved most are named."""


def of_wait(view: View, task: Task) -> Cause | None:
    """Why a task that is pending is not placed; None where nothing is in its way for longer than a moment."""
    err, node = task.status.err, view.node
    if not err or node is None:
        return None
    for words, explain in _FILTERS:
        if words in err:
            return explain(view, node, task)
    return Cause("pending", f"it waits: {err}")


def _availability(view: View, node: Node, task: Task) -> Cause:
    return Cause(
        "node",
        f"the node takes no new tasks: it is {'drained' if node.availability == 'drain' else 'paused'}",
        (f"availability of {node.hostname}: {node.availability}",),
        (f"docker node update --availability active {node.hostname}",),
    )


def _resources(view: View, node: Node, task: Task) -> Cause:
    """Which resource is short, how much of it is free, and who reserves the most."""
    total = node.description.get("Resources") or {}
    reserves = reserved(task)
    memory_free = int(total.get("MemoryBytes", 0)) - view.index.memory_bytes
    cpus_free = int(total.get("NanoCPUs", 0)) - view.index.nano_cpus
    generic = task.spec.typed.resources.reservations.generic_resources
    if generic:
        return Cause(
            "resources", "it reserves generic resources, of which this node has none", (task.status.err,)
        )
    of_memory = reserves[1] > memory_free
    what = f"{size(reserves[1])} of memory" if of_memory else f"{_cpus(reserves[0])} CPUs"
    free = size(max(0, memory_free)) if of_memory else _cpus(max(0, cpus_free))
    all_of_it = size(int(total.get("MemoryBytes", 0))) if of_memory else _cpus(int(total.get("NanoCPUs", 0)))
    holders = tuple(_holders(view, 1 if of_memory else 0))
    option = "--reserve-memory" if of_memory else "--reserve-cpu"
    return Cause(
        "resources",
        f"it reserves {what}, and {free} of {all_of_it} are not reserved yet",
        holders,
        (
            f"reserve less: docker service update {option} … {task.service_name}",
            "or scale something else down",
        ),
    )


def _holders(view: View, which: int) -> Iterator[str]:
    """Who has reserved most."""
    sums: dict[str, int] = {}
    for task in view.tasks.values():
        if task.placed and reserved(task)[which]:
            sums[task.service_name] = sums.get(task.service_name, 0) + reserved(task)[which]
    for name, number in sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))[:BIGGEST]:
        yield f"{name} has reserved {size(number) if which else _cpus(number)}"


def _cpus(nano: int) -> str:
    return f"{nano / SECOND:g}"


def _constraints(view: View, node: Node, task: Task) -> Cause:
    """The constraints that the node does not meet, and both ways out: give the node the label, or drop the
    first of them."""
    broken = [text for text in task.spec.typed.placement.constraints if not constraints_met([text], node)]
    labels = ", ".join(f"{key}={value}" for key, value in sorted(node.labels.items())) or "none"
    advice = (
        [
            *_labels_for(broken, node),
            f"docker service update --constraint-rm '{broken[0]}' {task.service_name}",
        ]
        if broken
        else []
    )
    return Cause(
        "constraint",
        f"the node does not meet its constraint {enumerated(tuple(broken))}",
        (f"labels of the node {node.hostname}: {labels}",),
        tuple(advice),
    )


def _labels_for(broken: Iterable[str], node: Node) -> Iterator[str]:
    for text in broken:
        key, equal, value = (part.strip() for part in text.partition("=="))
        if equal and key.startswith("node.labels."):
            yield f"docker node update --label-add {key.removeprefix('node.labels.')}={value} {node.hostname}"


def _platform(view: View, node: Node, task: Task) -> Cause:
    platforms = tuple(
        f"{platform.os}/{platform.architecture}" for platform in task.spec.typed.placement.platforms
    )
    here = node.description.get("Platform") or {}
    return Cause(
        "platform",
        f"its image is made for {enumerated(platforms)}, and this machine is "
        f"{here.get('OS')}/{here.get('Architecture')}",
        (task.status.err,),
        ("build the image for this platform: docker buildx build --platform …",),
    )


def _plugin(view: View, node: Node, task: Task) -> Cause:
    return Cause(
        "plugin-missing",
        "it needs a driver for volumes or logs that this engine does not have",
        (task.status.err,),
        ("docker plugin ls shows which there are",),
    )


def _port(view: View, node: Node, task: Task) -> Cause:
    """Another service or task of the swarm has the port, or a process of the machine."""
    for key in sorted(host_ports_of(task)):
        name = f"{key[0]}/{key[1]}"
        holder = _holding_task(view, task, key)
        if holder is not None:
            return Cause(
                "port-held",
                f"the port {key[1]}/{key[0]} is held by the service {holder.service_name}",
                (f"its task {holder.name} publishes it in host mode",),
                (f"publish another: docker service update --publish-rm {key[1]} … {task.service_name}",),
            )
        if name in node.ports_err:
            return port_held(node, name)
    for name in sorted(node.ports_err):
        if _publishes(view, task, name):
            return port_held(node, name)
    return Cause("port-held", "a port that it publishes on this machine is taken", (task.status.err,))


def _holding_task(view: View, task: Task, key: PortKey) -> Task | None:
    holders = [*view.index.host_ports.get(key, ()), *view.index.own_ports.get(key, ())]
    return next((view.tasks[task_id] for task_id in holders if task_id != task.id), None)


def _publishes(view: View, task: Task, name: str) -> bool:
    service = view.services.get(task.service_id)
    ports = (*(service.endpoint.ports if service is not None else ()), *task.ports)
    return any(f"{port.protocol}/{port.published}" == name for port in ports)


def port_held(node: Node, name: str) -> Cause:
    """A process of this machine has a published port."""
    protocol, _, number = name.partition("/")
    holder = node.port_holders.get(name, "")
    return Cause(
        "port-held",
        f"the port {number}/{protocol} of this machine is held by {holder or 'another program'}",
        (f"reserving it: {node.ports_err.get(name, '')}",),
        (
            f"ss -{'l' if protocol == 'tcp' else ''}{protocol[0]}np 'sport = :{number}' shows who has it; "
            f"end that, or "
            "publish another port",
        ),
    )


def refused_ports(view: View, service: Service) -> Iterator[Cause]:
    """Ports of a service that are published by the gate and held by somebody else."""
    for port in service.endpoint.ports:
        name = f"{port.protocol}/{port.published}"
        if view.node is not None and name in view.node.ports_err:
            yield port_held(view.node, name)


def _most(view: View, node: Node, task: Task) -> Cause:
    most = task.spec.typed.placement.max_replicas
    return Cause(
        "max-replicas",
        f"one node may have {most} of its tasks at most, and there is one node",
        (),
        (f"docker service update --replicas-max-per-node 0 {task.service_name}",),
    )


def _addresses(view: View, node: Node, task: Task) -> Cause:
    return Cause(
        "addresses",
        f"it gets no address: {task.status.err}",
        (),
        ("a network with a larger subnet: docker network create --subnet …",),
    )


_FILTERS: tuple[tuple[str, Explain], ...] = (
    ("node not available", _availability),
    ("insufficient resources", _resources),
    ("missing plugin", _plugin),
    ("scheduling constraints", _constraints),
    ("unsupported platform", _platform),
    ("port already in use", _port),
    ("max replicas per node", _most),
    ("address", _addresses),
)
"""By the words of the scheduler (`core.place`); the first that fits."""
