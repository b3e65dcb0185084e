"""Rolling updates, and rollbacks, which are the same in the other direction.

All progress is read from the task rows: a task knows the update that made it (`update_started_at`), so a
restarted daemon goes on where it was. Words and states are Docker's (`UpdateStatus`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from skerry.core.allocate import endpoint
from skerry.core.dirty import is_dirty
from skerry.core.draft import Draft
from skerry.core.replace import succeed
from skerry.core.restart import ENDED_BY_ITSELF
from skerry.core.slots import Slot
from skerry.model.defaults import SECOND
from skerry.model.objects import Task, UpdateStatus
from skerry.model.specs import UpdateConfig
from skerry.model.states import TaskState

UPDATING = "updating"
PAUSED = "paused"
COMPLETED = "completed"
ROLLBACK_STARTED = "rollback_started"
ROLLBACK_PAUSED = "rollback_paused"
ROLLBACK_COMPLETED = "rollback_completed"

UNDER_WAY = frozenset({UPDATING, ROLLBACK_STARTED})
HALTED = frozenset({PAUSED, ROLLBACK_PAUSED})


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
    unfinished: int


def update(draft: Draft) -> None:
    """Begin, continue or end the service's update."""
    status = draft.service.update
    if status is not None and status.state in HALTED:
        draft.say(status.message)
        return
    slots = [slot for slot in draft.slots().values() if slot.occupied]
    if status is None or status.state not in UNDER_WAY or not status.total:
        status = _begin(draft, slots, status)
    if status is None:
        return
    config = _config(draft, status)
    progress = _progress(draft, status, slots, config)
    if _failed(progress, status, config):
        _fail(draft, status, config, progress.failed[-1])
    elif progress.waiting or progress.unfinished:
        _advance(draft, status, config, progress)
    else:
        _finish(draft, status, config, progress)


def _begin(draft: Draft, slots: Iterable[Slot], status: UpdateStatus | None) -> UpdateStatus | None:
    """The status under way, or None where there is nothing to do."""
    stale = [slot for slot in slots if out_of_date(draft, slot)]
    rolling_back = status is not None and status.state == ROLLBACK_STARTED
    if not stale and not rolling_back:
        return None
    if status is not None and status.state in UNDER_WAY:
        begun = replace(status, total=len(stale))
    else:
        begun = UpdateStatus(UPDATING, "update in progress", draft.now, total=len(stale))
    if begun != status:
        draft.write_service(replace(draft.service, update=begun))
    return begun


def out_of_date(draft: Draft, slot: Slot) -> bool:
    """Whether a slot has nothing of the current spec."""
    if slot.given_up:
        return is_dirty(draft.service, slot.tasks[-1])
    return bool(slot.dirty) and not slot.clean


def _config(draft: Draft, status: UpdateStatus) -> UpdateConfig:
    rolling_back = status.state == ROLLBACK_STARTED
    chosen = draft.spec.rollback_config if rolling_back else draft.spec.update_config
    return chosen or UpdateConfig(parallelism=1)


def _progress(draft: Draft, status: UpdateStatus, slots: list[Slot], config: UpdateConfig) -> Progress:
    waiting, failed = [], []
    busy = unfinished = finished_at = 0
    next_at: int | None = None
    for slot in slots:
        made = [task for task in slot.tasks if _made_by(task, status, draft.service.spec_version)]
        failed += [task for task in made if _counts_as_failure(task, config)]
        if out_of_date(draft, slot):
            waiting.append(slot)
        elif made:
            done_at = _done_at(slot, made[-1])
            if done_at is None:
                busy, unfinished = busy + 1, unfinished + 1
                continue
            finished_at = max(finished_at, done_at)
            if done_at + config.delay > draft.now:
                busy += 1
                next_at = min(next_at or done_at + config.delay, done_at + config.delay)
    failed.sort(key=lambda task: (task.status.at, task.id))
    return Progress(tuple(waiting), busy, finished_at, next_at, tuple(failed), unfinished)


def _made_by(task: Task, status: UpdateStatus, spec_version: int) -> bool:
    return task.update_started_at == status.started_at and task.spec_version == spec_version


def _counts_as_failure(task: Task, config: UpdateConfig) -> bool:
    """Ended by itself before, or within the monitor of, its becoming ready."""
    if task.status.state not in ENDED_BY_ITSELF:
        return False
    return not task.running_at or task.status.at - task.running_at <= config.monitor


def _done_at(slot: Slot, new: Task) -> int | None:
    """When the slot's replacement was done: the new task has begun or failed, the old ones have stopped."""
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


def _fail(draft: Draft, status: UpdateStatus, config: UpdateConfig, task: Task) -> None:
    reason = f"due to failure or early termination of task {task.id}"
    rolling_back = status.state == ROLLBACK_STARTED
    if config.failure_action == "rollback" and not rolling_back and draft.service.previous_spec is not None:
        _roll_back(draft, status, f"update rolled back {reason}")
        return
    # Never roll back a rollback: there is nothing known to be good behind it.
    word = "rollback" if config.failure_action == "rollback" and rolling_back else "update"
    halted = replace(
        status, state=ROLLBACK_PAUSED if rolling_back else PAUSED, message=f"{word} paused {reason}"
    )
    draft.write_service(replace(draft.service, update=halted))
    draft.say(halted.message)


def _roll_back(draft: Draft, status: UpdateStatus, message: str) -> None:
    """Make the previous spec the current one; the next pass replaces what does not match it."""
    assert draft.service.previous_spec is not None
    restored = replace(
        draft.service,
        spec=draft.service.previous_spec,
        spec_version=draft.service.previous_spec_version,
        previous_spec=None,
        previous_spec_version=0,
        registry_auth=draft.service.previous_registry_auth,
        previous_registry_auth="",
        update=replace(status, state=ROLLBACK_STARTED, message=message, total=0),
    )
    draft.write_service(replace(restored, endpoint=endpoint(draft.view, restored)))
    draft.say(message)


def _advance(draft: Draft, status: UpdateStatus, config: UpdateConfig, progress: Progress) -> None:
    room = config.parallelism - progress.busy if config.parallelism else len(progress.waiting)
    for slot in progress.waiting[: max(0, room)]:
        succeed(draft, slot, config.order, status.started_at)
    if progress.next_at is not None:
        draft.wake(progress.next_at)
    verb = "rolling back" if status.state == ROLLBACK_STARTED else "updating"
    left = len(progress.waiting)
    draft.say(f"{verb} {status.total - left}/{status.total}: {progress.busy} under way, {left} to come")


def _finish(draft: Draft, status: UpdateStatus, config: UpdateConfig, progress: Progress) -> None:
    rolling_back = status.state == ROLLBACK_STARTED
    watch = config.monitor if config.delay < config.monitor else config.delay + SECOND
    end = progress.finished_at + watch if progress.finished_at else draft.now
    if end > draft.now:
        draft.wake(end)
        draft.say("all tasks are replaced; watching them for the monitor's time")
        return
    done = replace(
        status,
        state=ROLLBACK_COMPLETED if rolling_back else COMPLETED,
        message="rollback completed" if rolling_back else "update completed",
        completed_at=draft.now,
    )
    draft.write_service(replace(draft.service, update=done))
    draft.say(done.message)
