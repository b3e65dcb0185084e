"""Coming to rest: when nothing fails any more, everybody gets what was asked for.

Where a service does not have all its tasks, there must be a reason, found here without the core's help.
"""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.derive import traffic
from skerry.core.view import View
from skerry.model.container_labels import TASK_ID
from skerry.model.objects import Service, Task
from skerry.model.states import TaskState
from tests.sim.invariants import order
from tests.sim.invariants.step import HALTED, UNDER_WAY, constraints_met, dirty, policy_of, slots_of, spec_of
from tests.sim.world import World

ENDED_BY_ITSELF = (TaskState.COMPLETE, TaskState.FAILED, TaskState.REJECTED)


def unrest(world: World) -> list[str]:
    """What is not yet as it should be; empty at rest."""
    view = world.view
    found = [words for service in view.services.values() for words in _service(view, service)]
    known = {task.service_id for task in view.tasks.values()} - {*view.services}
    found += [f"tasks of a service that is gone: {sorted(known)}"] if known else []
    going = (task for task in view.tasks.values() if task.placed and not task.live)
    found += sorted(f"{task.name} has not stopped yet" for task in going)
    # it is told of its end before the engine has cleared up after it, which may hang; then it is removed
    leaving = (task for task in view.tasks.values() if task.desired == TaskState.REMOVE and not task.placed)
    found += sorted(f"{task.name} is not removed yet" for task in leaving)
    back = (one for one in view.releases.values() if one.outcome.state == "rolling back")
    found += sorted(f"release {one.number} is still being taken back" for one in back)
    found += list(_containers(world))
    found += list(_networks(world))
    if world.kernel.applied != traffic(view):
        found.append("the applied table is not what the view asks for")
    return found


def _service(view: View, service: Service) -> Iterator[str]:
    if service.stopped is not None:
        yield from (f"{task.name} is wanted, and stopped" for task in view.tasks_of(service.id) if task.live)
        return
    if service.is_job:
        yield from _job(view, service)
        return
    state = service.update.state if service.update is not None else ""
    slots = slots_of(view, service.id)
    wanted = _wanted(view, service, slots)
    for number in wanted:
        tasks = slots.get(number, [])
        live = [task for task in tasks if task.live]
        trouble = _slot(view, service, tasks, live, halted=state in HALTED)
        if trouble:
            yield f"{service.name} slot {number}: {trouble}"
    for number in sorted(slots.keys() - wanted):
        if any(task.live for task in slots[number]):
            yield f"{service.name} has tasks in slot {number}, which is not wanted"
    if state in UNDER_WAY:
        yield f"{service.name} is still {state}"


def _job(view: View, service: Service) -> Iterator[str]:
    """Every slot of this iteration has completed, or was given up, or waits for a place."""
    mode = spec_of(service).mode
    total = (mode.replicated_job.total_completions or 0) if mode.replicated_job else 1
    if mode.replicated_job is None and not constraints_met(
        spec_of(service).task_template.placement, view.node
    ):
        total = 0
    slots: dict[int, list[Task]] = {}
    for task in view.tasks_of(service.id):
        if task.job_iteration == service.job_iteration and task.desired < TaskState.REMOVE:
            slots.setdefault(task.slot, []).append(task)
        elif not task.status.state.terminal:
            yield f"{task.name} of an older iteration is {task.status.state.word}"
    in_order = order.unmet(view, service)
    active = [task for tasks in slots.values() for task in tasks if task.placed and not in_order]
    yield from (f"{task.name} is still {task.status.state.word}" for task in active)
    blocked = any(waits(view, task) for tasks in slots.values() for task in tasks)
    if order.unmet(view, service):
        return
    for slot in range(total):
        tasks = slots.get(slot, [])
        done = any(task.status.state == TaskState.COMPLETE for task in tasks)
        if not (done or blocked or given_up(view, service, tasks)):
            yield f"{service.name} slot {slot} has not completed"


def _wanted(view: View, service: Service, slots: dict[int, list[Task]]) -> set[int]:
    """The slots that ought to be filled: those that are, and the lowest free ones beside them."""
    spec = spec_of(service)
    if spec.mode.global_ is not None:
        assert view.node is not None
        return {0} if constraints_met(spec.task_template.placement, view.node) else set()
    count = spec.mode.replicated.replicas if spec.mode.replicated else 1
    held = [number for number, tasks in slots.items() if any(task.live for task in tasks)]
    wanted = set(sorted(held)[:count])
    over = [number for number, tasks in slots.items() if given_up(view, service, tasks)]
    for number in (*over, *range(1, count + 1)):
        if len(wanted) < count:
            wanted.add(number)
    return wanted


def _slot(view: View, service: Service, tasks: list[Task], live: list[Task], *, halted: bool) -> str:
    if not live:
        left = given_up(view, service, tasks) or (service.update is None and order.unmet(view, service))
        return "" if left else "nothing is wanted here, for no reason"
    if len(live) > 1:
        if any(waits(view, task) for task in live):
            return ""
        return f"{len(live)} tasks are wanted"
    (task,) = live
    if waits(view, task) or (_in_order(task, service) and order.unmet(view, service)):
        return ""
    if task.status.state != TaskState.RUNNING:
        return f"{task.name} is {task.status.state.word}/{task.desired.word} {task.status.err}"
    if dirty(view, service, task) and not halted and not _tried_in_vain(view, service, tasks):
        return f"{task.name} is out of date"
    return ""


def _in_order(task: Task, service: Service) -> bool:
    """Whether a task is ready to start, or the service has not had its turn in a release."""
    return service.update is None or task.desired == task.status.state == TaskState.READY


def _tried_in_vain(view: View, service: Service, tasks: list[Task]) -> bool:
    """Whether the current spec has failed in the slot, and the restart policy leaves it at that."""
    last = tasks[-1]
    return not last.live and not dirty(view, service, last) and _left_at_that(service, last)


def _last(tasks: list[Task]) -> Task:
    """The one that was wanted last: the last to end by itself, unless there was one made after that."""
    ended = [task for task in tasks if task.status.state in ENDED_BY_ITSELF]
    last = max(ended, key=lambda task: task.status.at, default=tasks[-1])
    return last if last.status.at >= tasks[-1].created_at else tasks[-1]


def given_up(view: View, service: Service, tasks: list[Task]) -> bool:
    """Whether the restart policy leaves a slot at what it is."""
    if not tasks or any(task.live for task in tasks):
        return False
    return _left_at_that(service, _last(tasks))


def _left_at_that(service: Service, task: Task) -> bool:
    policy, last = policy_of(service), task.status.state
    if last not in ENDED_BY_ITSELF:
        return False
    over = policy.condition == "none" or (policy.condition == "on-failure" and last == TaskState.COMPLETE)
    return over or bool(policy.max_attempts)


def waits(view: View, task: Task) -> bool:
    """Whether a task can't be placed, for a reason."""
    node = view.node
    assert node is not None
    if task.status.state != TaskState.PENDING:
        return False
    template = task.spec.typed
    return (
        node.spec["Availability"] != "active"
        or not constraints_met(template.placement, node)
        or _port_held(view, task)
        or bool(template.resources and template.resources.reservations and task.status.err)
    )


def _port_held(view: View, task: Task) -> bool:
    wanted = {port.published_port for port in task.endpoint.ports if port.publish_mode == "host"}
    for other in view.tasks.values():
        if other.id != task.id and TaskState.ASSIGNED <= other.status.state <= TaskState.RUNNING:
            for port in other.endpoint.ports:
                if port.publish_mode == "host" and port.published_port in wanted - {0}:
                    return True
    return False


def _containers(world: World) -> Iterator[str]:
    tasks = world.view.tasks
    for name in sorted(world.engine.stopping):
        yield f"container {name} has been told to end, and takes its time"
    for box in world.engine.boxes.values():
        task = tasks.get(str((box.body.get("Labels") or {}).get(TASK_ID)))
        if task is None:
            yield f"the container {box.name} is nobody's"
        elif box.running and (task.status.state != TaskState.RUNNING or not task.live):
            yield f"the container {box.name} runs, its task is {task.status.state.word}/{task.desired.word}"
    for task in tasks.values():
        found = world.engine.boxes.get(task.name)
        if task.status.state == TaskState.RUNNING and (found is None or not found.running):
            yield f"{task.name} is running, and its container is not"


def _networks(world: World) -> Iterator[str]:
    rows = {one.engine_name for one in world.view.networks.values() if one.leg}
    for name in sorted(world.engine.networks.keys() - rows):
        yield f"the engine's network {name} is nobody's"
    for network in world.view.networks.values():
        if network.removed:
            yield f"network {network.name} is removed, and still there"
        elif network.leg and network.engine_name not in world.engine.networks:
            yield f"network {network.name} has no bridge"
