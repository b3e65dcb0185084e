"""Jobs: tasks that run to completion. Every update of the spec is another iteration, a run of its own.

A replicated job keeps `MaxConcurrent` tasks active until `TotalCompletions` slots (from 0) have completed; a
global job has one task a node. Source: swarmkit `orchestrator/jobs`.

Slots are begun in order, and the rows of the newest ones are kept. So the highest number tells how many have
been begun, and one below it without a row has completed and was forgotten: a pass looks at rows, never at all
numbers up to a total that may be anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from skerry.core import restart
from skerry.core.draft import Draft
from skerry.core.place import may_stay
from skerry.model.defaults import TASK_HISTORY_MOST
from skerry.model.objects import Service, Task
from skerry.model.states import TaskState


@dataclass(frozen=True)
class Size:
    """How many slots have to complete, and how many may be active at once."""

    total: int
    concurrent: int


def run_job(draft: Draft) -> None:
    """One pass over a job: end older iterations, try again what failed, begin what is to come."""
    _end_older(draft)
    size = _size(draft)
    slots = _slots(draft.tasks.values(), draft.service.job_iteration)
    done = {number for number, tasks in slots.items() if _completed(tasks)}
    active = sum(
        _goes_on(draft, number, tasks)
        for number, tasks in slots.items()
        if number not in done and number < size.total
    )
    begun = _begun(slots)
    room = draft.room_for_slots(len(slots) - len(done))
    to_come = max(0, min(size.total - begun, size.concurrent - active, room))
    for number in range(begun, begun + to_come):
        draft.create(number, draft.begins_as)
    given_up = len(slots) - len(done) - active
    completed = len(done) + begun - len(slots)
    draft.say(_summary(completed, size.total, active + to_come, max(0, given_up)))
    _forget(draft, slots, done)


def completed_slots(service: Service, tasks: Iterable[Task]) -> int:
    """How many slots of a job's iteration have completed, those whose rows are forgotten included."""
    slots = _slots(tasks, service.job_iteration)
    forgotten = _begun(slots) - len(slots)
    return forgotten + sum(_completed(row) for row in slots.values())


def _slots(tasks: Iterable[Task], iteration: int) -> dict[int, list[Task]]:
    """The tasks of an iteration by slot, oldest first."""
    slots: dict[int, list[Task]] = {}
    for task in tasks:
        if task.job_iteration == iteration and task.desired < TaskState.REMOVE:
            slots.setdefault(task.slot, []).append(task)
    return slots


def _completed(tasks: list[Task]) -> bool:
    return any(task.status.state == TaskState.COMPLETE for task in tasks)


def _begun(slots: Mapping[int, list[Task]]) -> int:
    return max(slots, default=-1) + 1


def _forget(draft: Draft, slots: Mapping[int, list[Task]], done: set[int]) -> None:
    """Drop the rows of the oldest completed slots, which are only counted then; the highest slot tells how
    many were begun, and stays."""
    for number in sorted(done)[:-TASK_HISTORY_MOST]:
        for task in slots[number] if number < max(slots) else ():
            draft.drop(task)


def _end_older(draft: Draft) -> None:
    for task in list(draft.tasks.values()):
        older = task.job_iteration != draft.service.job_iteration
        if older and not task.status.state.terminal:
            draft.want(task, TaskState.REMOVE)


def _size(draft: Draft) -> Size:
    job = draft.spec.mode.replicated_job
    if job is None:
        there = may_stay(draft.spec.task_template.placement, draft.node)
        return Size(1, 1) if there else Size(0, 0)
    total = job.max_concurrent if job.total_completions is None else job.total_completions
    return Size(total, job.max_concurrent)


def _goes_on(draft: Draft, number: int, row: list[Task]) -> bool:
    """Whether a slot that has not completed is active, or is made so by another try."""
    last = row[-1]
    if not last.status.state.terminal:
        return last.live or _again(draft, number, last)
    if not restart.allowed(last, row, draft.policy):
        draft.want(last, TaskState.SHUTDOWN)
        return False
    if last.start_after > draft.now and last.live:
        draft.wake(last.start_after)
        return True
    return _again(draft, number, last)


def _again(draft: Draft, number: int, last: Task) -> bool:
    """Make another task in the slot of one that failed, or that has to leave the node."""
    draft.want(last, TaskState.SHUTDOWN)
    failed = last.status.state in restart.ENDED_BY_ITSELF
    at = restart.start_after(last, draft.policy, draft.longest_pause) if failed else 0
    draft.create(
        number,
        TaskState.READY,
        start_after=at,
        follows=last.id,
        streak=restart.streak_after(last),
    )
    return True


def _summary(completed: int, total: int, active: int, given_up: int) -> str:
    if completed == total:
        return "job complete"
    lost = f", {given_up} given up by the restart policy" if given_up else ""
    return f"{completed} of {total} completed, {active} under way{lost}"
