"""One task after another in a slot: after a failure, and when the spec has changed.

A replacement is a new task; nothing is ever restarted. It is made by `succeed` when an update comes to the
slot, or by `replace_ended` as the restart policy says; then `let_go` stops predecessors whose successors are
far enough, and last `raise_ready` starts successors whose turn it is. In stop-first order the successor is
made ready first and `follows` its predecessor, which is stopped once the successor needs nothing but its
place; it starts when that has stopped, or has had its time to stop. In start-first order it starts at once,
and the predecessor is stopped when it runs. The last task that serves in a slot is never stopped here before
its successor is ready, and a task that ended is not tried again before its restart delay is over.
"""

from __future__ import annotations

from msgspec.structs import replace

from skerry.core import restart
from skerry.core.draft import Draft
from skerry.core.slots import Slot, has_begun
from skerry.model.defaults import PREDECESSOR_WAIT
from skerry.model.objects import Task
from skerry.model.states import TaskState

START_FIRST = "start-first"
WAITS = "waits for "
"""How the Err of a task begins that waits for other services."""


def replace_ended(draft: Draft) -> None:
    """Follow a wanted task that has ended by another, as the restart policy allows.

    Of several in a slot the newest that is as the spec says speaks for it, or else the newest.
    """
    for slot in draft.slots().values():
        ended = _ended(slot)
        for task in ended[:-1]:
            draft.want(task, TaskState.SHUTDOWN)
        if ended:
            _replace_ended(draft, slot, ended[-1])


def falls_due(draft: Draft, slot: Slot) -> bool:
    """Whether `replace_ended` makes a new task in a slot now."""
    ended = _ended(slot)
    return (
        bool(ended)
        and not _is_followed(draft, slot, ended[-1])
        and restart.allowed(ended[-1], slot.tries, draft.policy)
        and ended[-1].start_after <= draft.now
    )


def _ended(slot: Slot) -> list[Task]:
    return [task for task in (*slot.dirty, *slot.clean) if task.status.state.terminal]


def _is_followed(draft: Draft, slot: Slot, task: Task) -> bool:
    """Whether the successor of a task that ended is there, or comes at the slot's turn in the update."""
    if any(other.id != task.id and not other.status.state.terminal for other in slot.clean):
        return True
    serving = any(other.id != task.id and other.status.state == TaskState.RUNNING for other in slot.dirty)
    return draft.updating and serving and task in slot.dirty


def _replace_ended(draft: Draft, slot: Slot, task: Task) -> None:
    """Decide about one task that ended: nothing more where its successor is there, an end where the policy
    says so, a wait while its delay runs, or else a new task in the slot."""
    if _is_followed(draft, slot, task):
        draft.want(task, TaskState.SHUTDOWN)
    elif not restart.allowed(task, slot.tries, draft.policy):
        word = task.status.state.word
        draft.want(task, TaskState.SHUTDOWN)
        draft.say(f"{draft.name(slot.number)}: {word}, and the restart policy leaves it at that")
    elif task.start_after > draft.now:
        draft.wake(task.start_after)  # ended within its own delay: at most one try a delay
        wait = task.start_after - task.created_at
        draft.say(f"{draft.name(slot.number)}: waiting for the next try", task.start_after, wait)
    else:
        draft.want(task, TaskState.SHUTDOWN)
        start = max(restart.start_after(task, draft.policy, draft.longest_pause), draft.now)
        draft.create(
            slot.number,
            TaskState.READY,
            start_after=start,
            follows=_predecessor(draft, slot, task),
            streak=restart.streak_after(task),
        )
        draft.say(f"{draft.name(slot.number)}: {task.status.state.word}, replaced")


def _predecessor(draft: Draft, slot: Slot, task: Task) -> str:
    """Whom the replacement of `task` follows: the one that it was waiting for, if that still runs.

    Where tasks are replaced stop-first by now, it is the one that serves in the slot.
    """
    if any(other.id == task.follows and not other.status.state.terminal for other in slot.tasks):
        return task.follows
    serving = _serving(slot)
    stop_first = draft.updating and draft.update_config.order != START_FIRST
    return serving.id if stop_first and serving is not None else ""


def succeed(draft: Draft, slot: Slot, order: str, of_update: int) -> None:
    """Make the successor of a slot's out-of-date tasks."""
    serving = _serving(slot)
    superseded = [task for task in slot.dirty if task is not serving]
    for task in superseded:
        draft.want(task, TaskState.SHUTDOWN)  # two of them and the new one would be three in a slot
    if serving is not None and order == START_FIRST:
        draft.create(slot.number, TaskState.RUNNING, of_update=of_update)
        return
    waited_for = next((task.follows for task in superseded if task.follows), "")
    before = serving.id if serving else waited_for or leaving(slot)
    draft.create(slot.number, TaskState.READY, follows=before, of_update=of_update)


def _serving(slot: Slot) -> Task | None:
    """Of a slot's out-of-date tasks the one that serves, or is about to."""
    begun = sorted(filter(has_begun, slot.dirty), key=lambda task: task.status.state == TaskState.RUNNING)
    return begun[-1] if begun else None


def leaving(slot: Slot) -> str:
    """The task that is still running and has been told to go, as from a node that is drained; "" where none
    is."""
    return next((task.id for task in reversed(slot.tasks) if not task.live and has_begun(task)), "")


def let_go(draft: Draft) -> None:
    """Let predecessors go when their successors are far enough."""
    for slot in draft.slots().values():
        _let_go(draft, slot)


def raise_ready(draft: Draft) -> None:
    """Raise successors whose turn it is."""
    for task in list(draft.tasks.values()):
        if task.desired == TaskState.READY and task.live and not task.status.state.terminal:
            _raise(draft, task)


def _let_go(draft: Draft, slot: Slot) -> None:
    """Let go what a slot has beside its best task: clean ones now, others once that is far enough."""
    alive = [task for task in slot.clean if not task.status.state.terminal]
    if not alive:
        _end_superseded(draft, slot)
        return
    # A running one is best (a rollback finds healthy tasks of the restored spec), then the newest.
    new = max(alive, key=lambda task: (task.status.state == TaskState.RUNNING, slot.tasks.index(task)))
    for task in slot.clean:
        if task is not new and not task.status.state.terminal:
            draft.want(task, TaskState.SHUTDOWN)
    for task in slot.dirty:
        if _may_go(task, new, draft.now):
            draft.want(task, TaskState.SHUTDOWN)
    if new.start_after > draft.now:
        draft.wake(new.start_after)


def _end_superseded(draft: Draft, slot: Slot) -> None:
    """Of several tasks of older specs the newest that runs is enough; what was not started never will be."""
    serving = [task for task in slot.dirty if task.status.state == TaskState.RUNNING]
    for task in slot.dirty if serving else ():
        half_made = task.status.state < TaskState.STARTING
        if half_made or task in serving[:-1]:
            draft.want(task, TaskState.SHUTDOWN)


def _may_go(old: Task, new: Task, now: int) -> bool:
    if new.status.state == TaskState.RUNNING or not has_begun(old):
        return True
    stop_first = bool(new.follows)
    return stop_first and new.status.state >= TaskState.READY and new.start_after <= now


def _raise(draft: Draft, task: Task) -> None:
    """Raise one ready successor to its goal, once its delay is over and its predecessor has stopped. A
    predecessor that does not stop is waited for so long and no longer."""
    if task.start_after > draft.now:
        draft.wake(task.start_after)
        why = restart.crash_loop(task) or "waiting for the restart delay"
        draft.say(f"{draft.name(task.slot)}: {why}", task.start_after, task.start_after - task.created_at)
        return
    if draft.in_order and not task.update_started_at and _kept_waiting(draft, task):
        return
    before = draft.tasks.get(task.follows)
    if before is not None and not before.status.state.terminal:
        give_up = max(draft.changed_at(before), task.start_after) + PREDECESSOR_WAIT
        if before.live or draft.now < give_up:
            draft.wake(give_up)
            draft.say(f"{draft.name(task.slot)}: waiting for its predecessor to stop", give_up)
            return
    draft.want(task, draft.goal)


def _kept_waiting(draft: Draft, task: Task) -> bool:
    """Whether a task waits for other services; its Err says for which. It is prepared meanwhile, and does not
    start before that: what ended with the machine may not be known to have ended yet."""
    explains = not task.status.err or task.status.err.startswith(WAITS)
    on_its_way = TaskState.ASSIGNED <= task.status.state <= TaskState.READY
    if on_its_way and explains and task.status.err != draft.waits:
        draft.write(replace(task, status=replace(task.status, err=draft.waits)))
    return bool(draft.waits) or task.status.state < TaskState.READY
