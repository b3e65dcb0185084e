"""Rolling updates, and rollbacks, which are the same in the other direction.

A pass decides from the rows alone: a task knows the update that made it (`update_started_at`), so a restarted
daemon goes on where it was. Words and states are Docker's (`UpdateStatus`). In this order: what is paused
stays so; an update begins where a slot is out of date; what the one before it left half done is taken over;
failures are counted, and beyond the ratio that is allowed the update pauses or turns back; else as many
waiting slots get a successor as parallelism leaves room for, first those that serve nobody; and when none is
left, the update ends once the monitor has passed. A slot takes up room until its new task is ready, the old
one has stopped and the delay is over. A rollback is never rolled back, what `continue` left behind is not
tried again without another spec, and no task is stopped here: `replace` does that.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from msgspec.structs import replace

from skerry.core import revisions
from skerry.core.dirty import is_dirty
from skerry.core.draft import ROLLBACK_STARTED, UNDER_WAY, UPDATING, Draft
from skerry.core.place import available
from skerry.core.replace import falls_due, succeed
from skerry.core.restart import ENDED_BY_ITSELF
from skerry.core.slots import Slot
from skerry.core.view import View
from skerry.model import labels
from skerry.model.defaults import SECOND
from skerry.model.objects import Revision, Service, Task, UpdateStatus
from skerry.model.spec import Spec
from skerry.model.specs import ServiceSpec, UpdateConfig
from skerry.model.states import TaskState
from skerry.model.times import in_words

PAUSED = "paused"
COMPLETED = "completed"
ROLLBACK_PAUSED = "rollback_paused"
ROLLBACK_COMPLETED = "rollback_completed"

HALTED = frozenset({PAUSED, ROLLBACK_PAUSED})
OVER = frozenset({COMPLETED, ROLLBACK_COMPLETED})


@dataclass(frozen=True)
class Progress:
    """How far an update is. A slot is busy from its successor's making until its delay has passed."""

    waiting: tuple[Slot, ...]
    """Out of date, and no successor yet."""
    busy: int
    finished_at: int
    """When the last slot so far was done; 0 where none is."""
    next_at: int | None
    """When a slot that only waits for its delay stops being busy."""
    failed: tuple[Task, ...]
    unfinished: tuple[Task, ...]
    """Successors that are not ready yet, or whose predecessors have not stopped yet."""


def update(draft: Draft, numbers: Collection[int]) -> bool:
    """Begin, continue or end the update of the slots that the service asks for. True where it has just become
    a rollback, which the next pass begins."""
    status = draft.service.update
    if status is not None and status.state in HALTED:
        draft.say(status.message)
        return False
    if draft.is_global and not available(draft.node):
        draft.say("nothing is replaced while the node takes no new tasks")
        return False
    if status is None or status.state not in UNDER_WAY or not status.total:
        status = _begin(draft, numbers, status)
    if status is None:
        return False
    _take_over(draft, numbers, status)
    config = draft.update_config
    progress = _progress(draft, numbers, status, config)
    if _failed(progress, status, config):
        return _fail(draft, status, config, progress.failed[-1])
    if progress.waiting or progress.unfinished:
        _advance(draft, status, config, progress)
    else:
        _finish(draft, status, config, progress)
    return False


def _slots(draft: Draft, numbers: Collection[int]) -> list[Slot]:
    return [slot for number, slot in draft.slots().items() if slot.occupied and number in numbers]


def _begin(draft: Draft, numbers: Collection[int], status: UpdateStatus | None) -> UpdateStatus | None:
    """The status under way, or None where there is nothing to do."""
    if status is not None and status.state in OVER:
        return None  # what `continue` left behind is not tried again until there is another spec
    slots = _slots(draft, numbers)
    stale = [slot for slot in slots if out_of_date(draft, slot)]
    total = len(stale) + sum(_half_done(slot) is not None for slot in slots)
    rolling_back = status is not None and status.state == ROLLBACK_STARTED
    if not total and not rolling_back:
        return None
    if status is not None and status.state in UNDER_WAY:
        begun = replace(status, total=total)
    else:
        begun = UpdateStatus(UPDATING, "update in progress", draft.now, total=total)
    if begun != status:
        draft.write_service(replace(draft.service, update=begun))
    return begun


def take_over(draft: Draft, numbers: Collection[int]) -> None:
    """What has just been made in the place of a task that ended is a part of the update that goes on."""
    status = draft.service.update
    if status is not None and status.state in UNDER_WAY and status.total:
        _take_over(draft, numbers, status)


def _take_over(draft: Draft, numbers: Collection[int], status: UpdateStatus) -> None:
    """Go on with what the update before this one has begun."""
    version = draft.service.spec_version
    for slot in _slots(draft, numbers):
        new = _half_done(slot)
        if new is not None and not any(_made_by(task, status, version) for task in slot.tasks):
            draft.adopt(new, status.started_at)


def _half_done(slot: Slot) -> Task | None:
    """The task that is about to take a slot over."""
    new = slot.clean[-1] if slot.clean else None
    if new is None or new.status.state >= TaskState.RUNNING:
        return None
    return new if new.update_started_at or slot.dirty else None


def out_of_date(draft: Draft, slot: Slot) -> bool:
    """Whether a slot has nothing of the current spec."""
    if slot.given_up:
        return is_dirty(draft.service, slot.last, draft.node)
    return bool(slot.dirty) and all(task.status.state.terminal for task in slot.clean)


def _progress(draft: Draft, numbers: Collection[int], status: UpdateStatus, config: UpdateConfig) -> Progress:
    """How far the update is: which slots wait, are busy, have failed, and when the next may begin."""
    waiting, failed, unfinished = [], [], []
    busy = finished_at = 0
    next_at: int | None = None
    for slot in draft.slots().values():
        made = [task for task in slot.tasks if _made_by(task, status, draft.service.spec_version)]
        if not (slot.occupied and slot.number in numbers):
            if made:  # its place is gone, and the update is watched for as long as ever
                finished_at = max(finished_at, _done_at(draft, slot, made[-1]) or draft.now)
            continue
        failed += [task for task in made if _counts_as_failure(task, config) or _overdue(draft, task)]
        if out_of_date(draft, slot) and all(task.evicted and task.status.state.terminal for task in made):
            waiting.append(slot)
        elif made:
            done_at = _done_at(draft, slot, made[-1])
            if done_at is None:
                busy += 1
                unfinished.append(made[-1])
                continue
            finished_at = max(finished_at, done_at)
            if done_at + config.delay > draft.now:
                busy += 1
                next_at = min(next_at or done_at + config.delay, done_at + config.delay)
    # first those that serve nobody, and of these the ones whose task has ended
    waiting.sort(key=lambda slot: (slot.running, not falls_due(draft, slot), slot.number))
    failed.sort(key=lambda task: (_failed_at(draft, task), task.id))
    return Progress(tuple(waiting), busy, finished_at, next_at, tuple(failed), tuple(unfinished))


def _made_by(task: Task, status: UpdateStatus, spec_version: int) -> bool:
    return task.update_started_at == status.started_at and task.spec_version == spec_version


def _counts_as_failure(task: Task, config: UpdateConfig) -> bool:
    """Ended by itself before, or within the monitor of, its becoming ready."""
    if task.status.state not in ENDED_BY_ITSELF:
        return False
    return not task.running_at or task.status.at - task.running_at <= config.monitor


def _deadline(draft: Draft) -> int:
    return labels.read_duration(draft.spec.labels, labels.UPDATE_DEADLINE)


def _overdue(draft: Draft, task: Task) -> bool:
    """Not ready within the deadline: Swarm waits for such a task for ever."""
    return task.live and task.status.state < TaskState.RUNNING and _late_at(draft, task) <= draft.now


def _late_at(draft: Draft, task: Task) -> int:
    return task.created_at + _deadline(draft)


def _failed_at(draft: Draft, task: Task) -> int:
    """When a task that counts as failed did so: the last one is the reason why an update ends."""
    return _late_at(draft, task) if _overdue(draft, task) else task.status.at


def _done_at(draft: Draft, slot: Slot, new: Task) -> int | None:
    """When the slot's replacement was done: the new task has begun or failed, the old ones have stopped."""
    if _overdue(draft, new):
        return _late_at(draft, new)
    if new.status.state < TaskState.ASSIGNED and slot.serves_as_asked:
        return draft.now  # its predecessor suits again since the node has changed: this pass lets it go
    if new.status.state < TaskState.RUNNING:
        return None
    old = [task for task in slot.tasks if task.created_at < new.created_at]
    if any(not task.status.state.terminal for task in old if new.status.state == TaskState.RUNNING):
        return None
    stopped = [task.status.at for task in old if task.status.state.terminal]
    return max([new.running_at or new.status.at, *stopped])


def _failed(progress: Progress, status: UpdateStatus, config: UpdateConfig) -> bool:
    if not progress.failed or config.failure_action == "continue":
        return False
    return len(progress.failed) / max(status.total, 1) > config.max_failure_ratio


def _fail(draft: Draft, status: UpdateStatus, config: UpdateConfig, task: Task) -> bool:
    """Turn back (True) or halt."""
    reason = f"due to failure or early termination of task {task.id}"
    if _overdue(draft, task):
        reason = f"as task {task.id} was not ready within {in_words(_deadline(draft))}"
    rolling_back = status.state == ROLLBACK_STARTED
    previous = revisions.previous(draft.view, draft.service)
    if config.failure_action == "rollback" and not rolling_back and previous is not None:
        message = f"update rolled back {reason}"
        _roll_back(draft, previous, replace(status, failed_task=task.id, turned=message), message)
        return True
    # Never roll back a rollback: there is nothing known to be good behind it.
    word = "rollback" if config.failure_action == "rollback" and rolling_back else "update"
    message = f"{word} paused {reason}"
    state = ROLLBACK_PAUSED if rolling_back else PAUSED
    halted = replace(status, state=state, message=message, failed_task=task.id, turned=message)
    draft.write_service(replace(draft.service, update=halted))
    draft.say(halted.message)
    return False


def way_back(view: View, service: Service) -> Spec[ServiceSpec] | None:
    """The spec to which a service returns by itself if its update fails; None where it does not."""
    config = service.spec.typed.update_config
    if config is None or config.failure_action != "rollback":
        return None
    if service.update is not None:
        under_way = service.update.state == UPDATING
    else:  # nobody has looked at the new spec yet
        tasks = view.tasks_of(service.id)
        under_way = any(task.live and task.spec_version != service.spec_version for task in tasks)
    return revisions.previous_spec(view, service) if under_way else None


def _roll_back(draft: Draft, previous: Revision, status: UpdateStatus, message: str) -> None:
    """Make the previous spec the current one."""
    begun = replace(status, state=ROLLBACK_STARTED, message=message, total=0)
    draft.write_service(revisions.restored(draft.view, draft.service, previous, begun))
    draft.say(message)


def _advance(draft: Draft, status: UpdateStatus, config: UpdateConfig, progress: Progress) -> None:
    for slot in _next(draft, config, progress):
        succeed(draft, slot, config.order, status.started_at)
    if progress.next_at is not None:
        draft.wake(progress.next_at)
    for task in progress.unfinished:
        draft.wake(_late_at(draft, task))
    verb = "rolling back" if status.state == ROLLBACK_STARTED else "updating"
    done = status.total - len(progress.waiting) - len(progress.unfinished)
    _say(draft, f"{verb} {max(0, done)}/{status.total}", progress)


def _next(draft: Draft, config: UpdateConfig, progress: Progress) -> tuple[Slot, ...]:
    """The slots that get a successor now. Where a task has ended one is made in any case, and takes up room
    as all do."""
    room = config.parallelism - progress.busy if config.parallelism else len(progress.waiting)
    room = max(0, min(room, draft.room))
    chosen, others = progress.waiting[:room], progress.waiting[room:]
    return () if any(falls_due(draft, slot) for slot in others) else chosen


def _say(draft: Draft, how_far: str, progress: Progress) -> None:
    """What the update waits for, the most urgent first."""
    late = [task for task in progress.unfinished if task.status.state < TaskState.RUNNING]
    if late:
        names = ", ".join(draft.name(task.slot) for task in late)
        draft.say(
            f"{how_far}: waiting for {names} to be ready",
            min(_late_at(draft, task) for task in late),
            _deadline(draft),
        )
    elif progress.unfinished:
        names = ", ".join(draft.name(task.slot) for task in progress.unfinished)
        draft.say(f"{how_far}: waiting for the old task of {names} to stop")
    elif progress.next_at is not None:
        draft.say(f"{how_far}: waiting for the delay between tasks", progress.next_at)
    else:
        draft.say(how_far)


def _finish(draft: Draft, status: UpdateStatus, config: UpdateConfig, progress: Progress) -> None:
    """End the update, once its last tasks have been watched for as long as the monitor says."""
    rolling_back = status.state == ROLLBACK_STARTED
    watch = config.monitor if config.delay < config.monitor else config.delay + SECOND
    end = progress.finished_at + watch if progress.finished_at else draft.now
    if end > draft.now:
        draft.wake(end)
        draft.say("all tasks are replaced, watching them", end, watch)
        return
    done = replace(
        status,
        state=ROLLBACK_COMPLETED if rolling_back else COMPLETED,
        message="rollback completed" if rolling_back else "update completed",
        completed_at=draft.now,
    )
    draft.write_service(replace(draft.service, update=done))
    draft.say(done.message)
