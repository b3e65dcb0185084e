"""Updates: one invariant for each field of UpdateConfig, and the words of UpdateStatus."""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.revisions import previous_spec
from skerry.model.labels import UPDATE_DEADLINE, read_duration
from skerry.model.objects import Service, Task
from skerry.model.states import TaskState
from tests.sim.invariants.step import HALTED, UNDER_WAY, Step, config_of, dirty, made_by_update, slots_of
from tests.sim.past import Life

ENDED_BY_ITSELF = (TaskState.COMPLETE, TaskState.FAILED, TaskState.REJECTED)
DONE = ("completed", "rollback_completed")
NEXT = {
    "": {"updating", "rollback_started"},
    "updating": {"updating", "completed", "paused", "rollback_started"},
    "rollback_started": {"rollback_started", "rollback_completed", "rollback_paused"},
    "paused": {"paused"},
    "rollback_paused": {"rollback_paused"},
    "completed": {"completed", "updating"},
    "rollback_completed": {"rollback_completed", "updating"},
}


def made(step: Step, service: Service) -> dict[int, Life]:
    """The last task that the update under way made in each slot."""
    found = {}
    for (service_id, slot), lives in step.past.slots.items():
        if service_id == service.id:
            for life in lives:
                if made_by_update(service, life.last):
                    found[slot] = life
    return found


def done_at(step: Step, service: Service, life: Life) -> int | None:
    """When a slot's replacement was done: it ran and all before it had ended, or it had failed, or the
    deadline for its being ready had passed."""
    late = life.made_at + read_duration(service.spec.raw.get("Labels"), UPDATE_DEADLINE)
    done = _done_at(step, life)
    return late if done is None and late <= step.at else done


def _done_at(step: Step, life: Life) -> int | None:
    begun = min((at for state, at in life.reached.items() if state >= TaskState.RUNNING), default=None)
    if begun is None:
        return None
    if life.last.status.state.terminal:
        return begun
    ends = [begun]
    for other in step.past.of_slot(life.task):
        if other.made_at >= life.made_at or TaskState.REMOVE in other.told:
            continue
        end = min((at for state, at in other.reached.items() if state.terminal), default=other.gone_at)
        if end is None:
            return None
        ends.append(end)
    return max(ends)


def begun(step: Step) -> Iterator[tuple[Service, Task]]:
    """The tasks that an update made in this commit; restarts that it took over are none."""
    for old, new in step.written:
        service = step.after.services.get(new.service_id)
        if old is not None or service is None or new.start_after:
            continue
        if new.update_started_at and made_by_update(service, new):
            yield service, new


def parallelism(step: Step) -> Iterator[str]:
    """No more slots than `Parallelism` (0: any number) are replaced at the same time."""
    for service, task in begun(step):
        limit = config_of(service).parallelism
        busy = sorted(
            slot for slot, life in made(step, service).items() if done_at(step, service, life) is None
        )
        if limit and len(busy) > limit:
            yield f"{task.name} was made: slots {busy} are being replaced, {limit} may be"


def delay(step: Step) -> Iterator[str]:
    """A slot's place in the update is free only when `Delay` has passed since the slot was done."""
    for service, task in begun(step):
        config = config_of(service)
        ends = {slot: done_at(step, service, life) for slot, life in made(step, service).items()}
        busy = [slot for slot, end in ends.items() if end is None or end + config.delay > step.at]
        if config.parallelism and len(busy) > config.parallelism:
            yield f"{task.name} was made: slots {sorted(busy)} are not over, {config.parallelism} may be"


def monitor(step: Step) -> Iterator[str]:
    """An update is completed no earlier than `Monitor` after its last slot was done, and with no slot
    that is still being replaced or out of date; or by a stop."""
    for old, new in step.services:
        if (
            new.stopped is not None
            or new.update is None
            or new.update.state not in DONE
            or _state(old) == new.update.state
        ):
            continue
        for slot, life in made(step, new).items():
            if slot not in slots_of(step.after, new.id):
                continue  # scaled away
            end = done_at(step, new, life)
            if end is None and not any(task.live for task in slots_of(step.after, new.id)[slot]):
                continue  # given up, as the node is no longer one for it
            if end is None or step.at < end + config_of(new).monitor:
                yield f"{new.name} is {new.update.state}, slot {slot} was done at {end} (now {step.at})"
        for slot, tasks in slots_of(step.after, new.id).items():
            if slot not in made(step, new) and any(
                task.live and dirty(step.after, new, task) for task in tasks
            ):
                yield f"{new.name} is {new.update.state}, and slot {slot} is out of date"


def failures(step: Step, service: Service) -> list[str]:
    """The tasks of the update that count as failed: ended by themselves before they were ready or within the
    monitor's time after, or not ready within the update's deadline."""
    watched = config_of(service).monitor
    deadline = read_duration(service.spec.raw.get("Labels"), UPDATE_DEADLINE)
    found = []
    for life in step.past.lives.values():
        if life.task.service_id != service.id or not made_by_update(service, life.last):
            continue
        ready = life.reached.get(TaskState.RUNNING)
        for state in ENDED_BY_ITSELF:
            at = life.reached.get(state)
            if at is not None and (ready is None or at - ready <= watched):
                found.append(life.task.name)
        waiting = step.before.tasks.get(life.task.id)
        late = waiting is not None and waiting.live and waiting.status.state < TaskState.RUNNING
        if late and step.at >= life.made_at + deadline:
            found.append(life.task.name)
    return found


def max_failure_ratio(step: Step) -> Iterator[str]:
    """With more failures than `MaxFailureRatio` allows, an update that does not `continue` makes no more
    tasks."""
    for service, task in begun(step):
        config = config_of(service)
        assert service.update is not None
        failed = failures(step, service)
        if config.failure_action != "continue" and failed:
            share = len(failed) / max(service.update.total, 1)
            if share > config.max_failure_ratio:
                yield f"{task.name} was made, though {failed} of {service.update.total} had failed"


def failure_action(step: Step) -> Iterator[str]:
    """An update pauses or goes back only for more failures than allowed, and as `FailureAction` says."""
    for old, new in step.services:
        if old is None or new.update is None or step.writer != "orchestrator" or _state(old) == _state(new):
            continue
        state = new.update.state
        if state not in HALTED and state != "rollback_started":
            continue
        action = config_of(old if state == "rollback_started" else new).failure_action
        failed = failures(step, old)
        if old.update is None:
            continue  # what it took over was late before it began
        if len(failed) / max(old.update.total, 1) <= config_of(old).max_failure_ratio:
            yield f"{new.name} is {state}, though only {failed} of {old.update.total} failed"
        if action == "continue":
            yield f"{new.name} is {state}, though failures are to be ignored"
        if state == "rollback_started" and (
            action != "rollback" or new.spec != previous_spec(step.before, old)
        ):
            yield f"{new.name} went back, though the action is {action}"
        if state == "paused" and action == "rollback" and previous_spec(step.before, old) is not None:
            yield f"{new.name} is paused, though it should go back"


def order_of_words(step: Step) -> Iterator[str]:
    """UpdateStatus goes from state to state as Docker's does; a new spec starts anew."""
    for old, new in step.services:
        if old is None or (old.spec_version != new.spec_version and step.writer == "control"):
            continue
        before, after = _state(old), _state(new)
        if step.writer == "control":
            ends = DONE if new.stopped is not None else ()
            if after not in ("", "rollback_started", before, *ends):
                yield f"control made {new.name} {after}"
        elif after and after not in NEXT[before]:
            yield f"{new.name} went from {before!r} to {after!r}"
        if after in DONE and new.update is not None and new.update.completed_at is None:
            yield f"{new.name} is {after} without an instant"


def halted_stays(step: Step) -> Iterator[str]:
    """A paused update makes no tasks for its slots until the next update."""
    for service, task in begun(step):
        if _state(service) in HALTED:
            yield f"{task.name} was made although {service.name} is {_state(service)}"


def an_update_has_a_reason(step: Step) -> Iterator[str]:
    """An update begins only where some slot is out of date, or half replaced by the update before."""
    for old, new in step.services:
        if step.writer != "orchestrator" or _state(new) != "updating" or old is None:
            continue
        same = old.update is not None and new.update is not None
        if same and old.update.started_at == new.update.started_at:  # type: ignore[union-attr]
            continue
        if not any(_to_be_done(step, new, task) for task in step.before.tasks_of(new.id)):
            yield f"{new.name} updates, though no task is out of date"


def _to_be_done(step: Step, service: Service, task: Task) -> bool:
    half_done = task.update_started_at and task.live and task.status.state < TaskState.RUNNING
    return bool(half_done) or dirty(step.after, service, task)


def _state(service: Service | None) -> str:
    return service.update.state if service is not None and service.update is not None else ""


INVARIANTS = [
    parallelism,
    delay,
    monitor,
    max_failure_ratio,
    failure_action,
    order_of_words,
    halted_stays,
    an_update_has_a_reason,
]
assert set(UNDER_WAY) < set(NEXT)
