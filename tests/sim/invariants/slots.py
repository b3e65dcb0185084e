"""Slots: who may stand beside whom in one place."""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.place import may_stay
from skerry.model.defaults import PREDECESSOR_WAIT
from skerry.model.objects import Service, Task
from skerry.model.states import TaskState
from tests.sim.invariants.order import waits_for_its_turn
from tests.sim.invariants.step import UNDER_WAY, Step, clean, config_of, slots_of, spec_of


def one_clean_task_a_slot(step: Step) -> Iterator[str]:
    """A slot has at most one wanted task of the spec as it is (a global service: one a node)."""
    for service in step.decided:
        for number, tasks in slots_of(step.after, service.id).items():
            wanted = [task.name for task in tasks if clean(step.after, service, task)]
            if len(wanted) > 1:
                yield f"slot {number} of {service.name} has {wanted}"


def few_wanted_tasks_a_slot(step: Step) -> Iterator[str]:
    """A slot has at most two wanted tasks: one that is and one that comes."""
    for service in step.decided:
        for number, tasks in slots_of(step.after, service.id).items():
            wanted = [task.name for task in tasks if task.live and not task.status.state.terminal]
            if len(wanted) > 2:
                yield f"slot {number} of {service.name} has {wanted}"


def slots_are_what_was_asked_for(step: Step) -> Iterator[str]:
    """After each decision a replicated service has no more wanted slots than replicas, and a global one
    only the node's."""
    turned_back = {new.id for old, new in step.services if old is not None and old.spec != new.spec}
    for service in step.decided:
        if service.id in turned_back or waits_for_its_turn(step.before, service):
            continue  # the restored spec is for the next decision, or the one before still holds
        wanted = {task.slot for task in step.after.tasks_of(service.id) if task.live}
        mode = spec_of(service).mode
        if mode.replicated is not None and len(wanted) > mode.replicated.replicas:
            yield f"{service.name} has slots {sorted(wanted)} for {mode.replicated.replicas} replicas"
        if mode.global_ is not None and not wanted <= {0}:
            yield f"global {service.name} has slots {sorted(wanted)}"


def stop_first_waits_for_the_predecessor(step: Step) -> Iterator[str]:
    """A task that follows another starts only when that one has ended, or 60 s after it was told to."""
    for old, new in step.written:
        if not _starts(old, new):
            continue
        before = step.after.tasks.get(new.follows)
        if before is None or before.status.state.terminal:
            continue
        told = step.past.lives[before.id].told
        asked = min((at for state, at in told.items() if state >= TaskState.SHUTDOWN), default=None)
        if asked is None or step.at < asked + PREDECESSOR_WAIT:
            yield f"{new.name} started while {before.name} was {before.status.state.word}"


def stop_first_follows(step: Step) -> Iterator[str]:
    """A task that a stop-first update makes where another one runs follows that one."""
    for old, new in step.written:
        service = step.after.services.get(new.service_id)
        if old is not None or service is None or not _stop_first(service, new):
            continue
        others = [
            task
            for task in slots_of(step.before, service.id).get(new.slot, [])
            if task.live and TaskState.STARTING <= task.status.state <= TaskState.RUNNING
        ]
        if others and new.follows not in {task.id for task in others}:
            yield f"{new.name} does not follow {[task.name for task in others]}"


def start_first_loses_nothing(step: Step) -> Iterator[str]:
    """Under start-first no running task is told to stop before another one of its slot runs."""
    for old, new in step.written:
        if step.writer != "orchestrator" or old is None or not old.live or new.desired != TaskState.SHUTDOWN:
            continue
        service = step.after.services.get(new.service_id)
        if service is None or new.status.state != TaskState.RUNNING or not _start_first(service):
            continue
        slot = slots_of(step.after, service.id).get(new.slot, [])
        if any(task.follows == new.id and task.live for task in slot):
            continue  # its successor was made under stop-first
        node, wanted = step.after.node, service.spec.typed.task_template.placement
        if node is None or not (may_stay(new.spec.typed.placement, node) and may_stay(wanted, node)):
            continue  # the node is not one for it (any more): that is not the update's doing
        if not any(task.live and task.status.state == TaskState.RUNNING for task in slot):
            yield f"{new.name} was told to stop, and nothing else runs in its slot"


def nothing_superseded_begins(step: Step) -> Iterator[str]:
    """A task of a spec that is not the service's any more may not start beside one of the spec as it is."""
    for old, new in step.written:
        service = step.after.services.get(new.service_id)
        raised = old is not None and old.desired < TaskState.RUNNING == new.desired
        if not raised or service is None or step.writer != "orchestrator" or clean(step.after, service, new):
            continue
        slot = slots_of(step.after, service.id).get(new.slot, [])
        if any(clean(step.after, service, task) for task in slot):
            yield f"{new.name} may start, though {service.name} asks for something else"


def _starts(old: Task | None, new: Task) -> bool:
    begun = TaskState.STARTING <= new.status.state <= TaskState.RUNNING
    return begun and (old is None or old.status.state < TaskState.STARTING)


def _stop_first(service: Service, task: Task) -> bool:
    update = service.update
    return (
        update is not None
        and update.state in UNDER_WAY
        and task.update_started_at == update.started_at
        and config_of(service).order != "start-first"
    )


def _start_first(service: Service) -> bool:
    update = service.update
    return update is not None and update.state in UNDER_WAY and config_of(service).order == "start-first"


INVARIANTS = [
    one_clean_task_a_slot,
    few_wanted_tasks_a_slot,
    slots_are_what_was_asked_for,
    stop_first_waits_for_the_predecessor,
    stop_first_follows,
    start_first_loses_nothing,
    nothing_superseded_begins,
]
