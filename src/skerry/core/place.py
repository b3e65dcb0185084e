"""Where tasks may run: with one node, whether they may now, and if not, Docker's words for why.

Source: swarmkit `manager/scheduler/filter.go`; the filters run in its order and the first refusal counts. A
successor may overlap the predecessor that makes way for it: with resources, with a host port, with the number
of replicas. In Swarm it cannot, and waits with nothing prepared.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from skerry.core.addresses import Exhausted
from skerry.core.attach import publishes_on_host
from skerry.core.constraints import constraints_met, fits, platform_met
from skerry.core.dirty import is_dirty_as_it_waits
from skerry.core.draft import Draft
from skerry.core.index import PortKey, host_ports_of, reserved
from skerry.model.objects import Cluster, Node, Task
from skerry.model.specs import Placement, TaskTemplate
from skerry.model.states import TaskState

NOT_AVAILABLE = "1 node not available for new tasks"
HOST_PUBLISHES = "on the network host a service has its ports without publishing them"


def place(draft: Draft) -> None:
    """Assign what can be assigned; say of the rest what it waits for, which may be for one just assigned."""
    waiting = []
    for task in list(draft.tasks.values()):
        if task.status.state != TaskState.PENDING:
            continue
        if not task.live:
            _end_unplaced(draft, task)
        elif draft.updating and is_dirty_as_it_waits(draft.service, task, draft.node):
            # with a place it would be one of the update's tasks, out of its turn
            draft.say(f"{draft.name(task.slot)}: waiting for its turn in the update")
        elif _obstacle(draft, task) is not None or _seated(draft, task):
            waiting.append(task)
        else:
            draft.set_status(task, TaskState.ASSIGNED, f"scheduler {_words(draft)}", draft.err_of_wait(task))
    for task in waiting:
        _explain(draft, task)


def _explain(draft: Draft, task: Task) -> None:
    obstacle = _obstacle(draft, task)
    err = _seated(draft, task) if obstacle is None else _sentence(draft, obstacle)
    draft.set_status(task, TaskState.PENDING, task.status.message, err)
    draft.say(f"{draft.name(task.slot)}: {obstacle or err or 'waiting for its port'}")


def _seated(draft: Draft, task: Task) -> str:
    """Give a task its addresses; why there is none, where there is none."""
    try:
        attachments = draft.allocator.attachments(task, draft.tasks.get(task.follows))
    except Exhausted as error:
        return error.message
    draft.write(replace(draft.tasks[task.id], attachments=attachments))
    return ""


def _words(draft: Draft) -> str:
    return "confirmed task can run on preassigned node" if draft.is_global else "assigned task to node"


def _end_unplaced(draft: Draft, task: Task) -> None:
    if task.desired >= TaskState.REMOVE:
        draft.drop(task)
    else:
        draft.set_status(task, TaskState.SHUTDOWN, "shutdown")


def _sentence(draft: Draft, obstacle: str) -> str:
    return obstacle if draft.is_global or not obstacle else f"no suitable node ({obstacle})"


def _obstacle(draft: Draft, task: Task) -> str | None:
    """Why the task can't be placed; "" where nothing is known yet, None where nothing is in the way."""
    template = task.spec.typed
    placement = template.placement
    if not available(draft.node):
        return NOT_AVAILABLE
    if not _resources_fit(draft, task):
        return "insufficient resources on 1 node"
    if not _plugins_there(_plugins(template, draft.view.cluster), draft.node):
        return "missing plugin on 1 node"
    if not constraints_met(placement.constraints, draft.node):
        return "scheduling constraints not satisfied on 1 node"
    if not platform_met(placement.platforms, draft.node):
        return "unsupported platform on 1 node"
    if any(_taken(draft, task, key) for key in host_ports_of(task)) or _numbers_run_out(task):
        return "host-mode port already in use on 1 node"
    most = placement.max_replicas
    if most and len(_other_slots(draft, task)) >= most:
        return "max replicas per node limit exceed"
    if publishes_on_host(draft.view, draft.service):
        return HOST_PUBLISHES
    return _unreserved(draft, task)


def available(node: Node) -> bool:
    """Whether the node takes new tasks."""
    return node.availability == "active"


def may_stay(placement: Placement, node: Node) -> bool:
    """Whether a task that runs already may go on."""
    return node.availability != "drain" and fits(placement, node)


def _other_slots(draft: Draft, task: Task) -> set[int]:
    """The slots but the task's own in which something is placed."""
    return {other.slot for other in draft.tasks.values() if other.placed and other.slot != task.slot}


def _resources_fit(draft: Draft, task: Task) -> bool:
    if task.spec.typed.resources.reservations.generic_resources:
        return False  # this node has none
    cpus, memory = reserved(task)
    if not cpus and not memory:
        return True
    total = draft.node.description.get("Resources", {})
    held = draft.reserved_beside(task)
    return bool(
        cpus <= total.get("NanoCPUs", 0) - held[0] and memory <= total.get("MemoryBytes", 0) - held[1]
    )


def _plugins_there(needed: Iterable[tuple[str, str]], node: Node) -> bool:
    """Whether the node has the plugins. The name of a managed one has a tag, which may be left out if it is
    the usual one."""
    plugins = (node.description.get("Engine") or {}).get("Plugins") or ()
    installed = {(plugin.get("Type"), plugin.get("Name")) for plugin in plugins}
    return not installed or all(
        (kind, name) in installed or (kind, f"{name}:latest") in installed for kind, name in needed
    )


def _plugins(template: TaskTemplate, cluster: Cluster | None) -> Iterable[tuple[str, str]]:
    """The plugins that a template needs: volume drivers and the log driver, by type and name."""
    for mount in template.container_spec.mounts:
        driver = mount.volume_options.driver_config
        if mount.type == "volume" and driver is not None and driver.name:
            yield "Volume", driver.name
    log_driver = template.log_driver or (cluster.log_driver if cluster is not None else None)
    if log_driver is not None and log_driver.name not in ("", "none"):
        yield "Log", log_driver.name


def _taken(draft: Draft, task: Task, key: PortKey) -> bool:
    """Whether a task of another slot, or of another service, has the host port."""
    mine = (other for other in draft.tasks.values() if other.placed and other.slot != task.slot)
    if any(key in host_ports_of(other) for other in mine) or draft.view.index.own_ports.get(key):
        return True
    holders = draft.view.index.host_ports.get(key, ())
    return any(draft.view.tasks[holder].service_id != task.service_id for holder in holders)


def _numbers_run_out(task: Task) -> bool:
    return any(not port.published for port in task.ports)


def _unreserved(draft: Draft, task: Task) -> str | None:
    """A published port must be held by the gate before a task can be reached by it."""
    for held in (*draft.service.endpoint.ports, *task.ports):
        key = f"{held.protocol}/{held.published}"
        if held.published and held.fault:
            return f"{key}: {held.fault}"
        if held.published and key not in draft.node.reserved:
            reason = draft.node.ports_err.get(key)
            return f"host-mode port already in use on 1 node; {key}: {reason}" if reason else ""
    return None
