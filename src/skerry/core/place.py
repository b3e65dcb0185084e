"""Where tasks may run: with one node, whether they may now, and if not, Docker's words for why.

Source: swarmkit `manager/scheduler/filter.go`; the filters run in its order and the first refusal counts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from skerry.core.draft import Draft
from skerry.model.objects import Node, Task
from skerry.model.specs import PortConfig, Quantity, ServiceSpec, TaskTemplate, read_endpoint, read_template
from skerry.model.states import TaskState

REPLICATED = "assigned task to node"
GLOBAL = "confirmed task can run on preassigned node"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def place(draft: Draft) -> None:
    """Assign what can be assigned; say of the rest what it waits for."""
    for task in list(draft.tasks.values()):
        if task.status.state != TaskState.PENDING:
            continue
        if not task.live:
            _end_unplaced(draft, task)
            continue
        obstacle = _obstacle(draft, task)
        if obstacle is None:
            words = (
                "confirmed task can run on preassigned node" if draft.is_global else "assigned task to node"
            )
            draft.set_status(task, TaskState.ASSIGNED, f"scheduler {words}")
        else:
            draft.set_status(task, TaskState.PENDING, task.status.message, _sentence(draft, obstacle))
            draft.say(f"slot {task.slot}: {obstacle or 'waiting for its port'}")


def _end_unplaced(draft: Draft, task: Task) -> None:
    if task.desired >= TaskState.REMOVE:
        draft.drop(task)
    else:
        draft.set_status(task, TaskState.SHUTDOWN, "shutdown")


def _sentence(draft: Draft, obstacle: str) -> str:
    return obstacle if draft.is_global or not obstacle else f"no suitable node ({obstacle})"


def _obstacle(draft: Draft, task: Task) -> str | None:
    """Why the task can't be placed; "" where nothing is known yet, None where nothing is in the way."""
    template = read_template(task.spec)
    if draft.node.spec.get("Availability", "active") != "active":
        return "1 node not available for new tasks"
    if not _resources_fit(draft, task, template):
        return "insufficient resources on 1 node"
    if not constraints_met(_constraints(template), draft.node):
        return "scheduling constraints not satisfied on 1 node"
    if not _platform_fits(template, draft.node):
        return "unsupported platform on 1 node"
    return _port_obstacle(draft, task)


def eligible(spec: ServiceSpec, node: Node) -> bool:
    """Whether a global service has a task on this node at all."""
    template = spec.task_template
    return (
        node.spec.get("Availability", "active") != "drain"
        and constraints_met(_constraints(template), node)
        and _platform_fits(template, node)
    )


def _constraints(template: TaskTemplate) -> list[str]:
    return (template.placement.constraints or []) if template.placement else []


def _resources_fit(draft: Draft, task: Task, template: TaskTemplate) -> bool:
    wanted = _reserved(template)
    if not wanted.nano_cpus and not wanted.memory_bytes:
        return True
    total = draft.node.description.get("Resources", {})
    others = [
        _reserved(read_template(one.spec))
        for one in draft.view.tasks.values()
        if one.id != task.id and holds_place(one)
    ]
    cpus = total.get("NanoCPUs", 0) - sum(one.nano_cpus for one in others)
    memory = total.get("MemoryBytes", 0) - sum(one.memory_bytes for one in others)
    return bool(wanted.nano_cpus <= cpus and wanted.memory_bytes <= memory)


def _reserved(template: TaskTemplate) -> Quantity:
    return (template.resources and template.resources.reservations) or Quantity()


def holds_place(task: Task) -> bool:
    """Whether a task takes up resources and ports of the node."""
    return TaskState.ASSIGNED <= task.status.state <= TaskState.RUNNING


def _platform_fits(template: TaskTemplate, node: Node) -> bool:
    platforms = (template.placement.platforms or []) if template.placement else []
    if not platforms:
        return True
    here = node.description.get("Platform", {})
    return any(
        _alike(one.get("Architecture", ""), here.get("Architecture", ""))
        and _alike(one.get("OS", ""), here.get("OS", ""))
        for one in platforms
    )


def _alike(wanted: str, found: str) -> bool:
    return not wanted or ARCHITECTURES.get(wanted, wanted) == ARCHITECTURES.get(found, found)


def _port_obstacle(draft: Draft, task: Task) -> str | None:
    """A published port must be held by the gate, and a host-mode one free of other slots' tasks.

    A successor may overlap its predecessor: the port belongs to the gate, not to a container.
    """
    for port in read_endpoint(task.endpoint_spec).ports or ():
        if port.publish_mode == "host" and port.published_port and _taken(draft, task, port):
            return "host-mode port already in use on 1 node"
    for held in draft.service.endpoint.ports:
        key = f"{held.protocol}/{held.published}"
        if held.published and key not in draft.node.reserved:
            reason = draft.node.ports_err.get(key)
            return f"host-mode port already in use on 1 node; {key}: {reason}" if reason else ""
    return None


def _taken(draft: Draft, task: Task, port: PortConfig) -> bool:
    others: Iterable[Task] = draft.view.tasks.values()
    mine = [one for one in draft.tasks.values() if one.slot != task.slot]
    foreign = [one for one in others if one.service_id != task.service_id]
    wanted = (port.protocol, port.published_port)
    return any(
        wanted == (one.protocol, one.published_port)
        for other in [*mine, *foreign]
        if holds_place(other)
        for one in read_endpoint(other.endpoint_spec).ports or ()
        if one.publish_mode == "host"
    )


_CONSTRAINT = re.compile(r"^\s*([^!=\s]+)\s*(==|!=)\s*(.*?)\s*$")


def constraints_met(constraints: Iterable[str], node: Node) -> bool:
    """Whether the node satisfies all of e.g. `["node.role == manager"]`; an unknown key never matches."""
    return all(_constraint_met(one, node) for one in constraints)


def _constraint_met(constraint: str, node: Node) -> bool:
    match = _CONSTRAINT.match(constraint)
    if match is None:
        return False
    key, operator, wanted = match.groups()
    found = _attribute(key, node)
    if found is None:
        return False
    by_address = key.lower() == "node.ip"
    equal = _address_in(found, wanted) if by_address else found.lower() == wanted.lower()
    return equal == (operator == "==")


def _attribute(key: str, node: Node) -> str | None:
    platform = node.description.get("Platform", {})
    fixed = {
        "node.id": node.id,
        "node.hostname": node.hostname,
        "node.ip": node.address,
        "node.role": str(node.spec.get("Role", "manager")),
        "node.platform.os": str(platform.get("OS", "")),
        "node.platform.arch": str(platform.get("Architecture", "")),
    }
    lower = key.lower()
    if lower in fixed:
        return fixed[lower]
    if lower.startswith("node.labels."):
        return str((node.spec.get("Labels") or {}).get(key[len("node.labels.") :], ""))
    if lower.startswith("engine.labels."):
        labels = node.description.get("Engine", {}).get("Labels") or {}
        return str(labels.get(key[len("engine.labels.") :], ""))
    return None


def _address_in(address: str, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False
