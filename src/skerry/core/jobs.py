"""Jobs: tasks that run to completion. Every update of the spec is another iteration, a run of its own.

A replicated job keeps `MaxConcurrent` tasks active until `TotalCompletions` slots (from 0) have completed; a
global job has one task a node. Source: swarmkit `orchestrator/jobs`.
"""

from __future__ import annotations

from dataclasses import dataclass

from skerry.core import restart
from skerry.core.draft import Draft
from skerry.core.place import may_stay
from skerry.model.objects import Raw, Task
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
    tasks: dict[int, list[Task]] = {}
    for task in draft.tasks.values():
        if task.job_iteration == draft.service.job_iteration and task.desired < TaskState.REMOVE:
            tasks.setdefault(task.slot, []).append(task)
    completed = {
        number
        for number, row in tasks.items()
        if any(task.status.state == TaskState.COMPLETE for task in row)
    }
    active = sum(
        _goes_on(draft, number, row)
        for number, row in tasks.items()
        if number not in completed and number < size.total
    )
    for number in range(size.total):
        if number not in tasks and active < size.concurrent:
            draft.create(number, TaskState.COMPLETE)
            active += 1
    given_up = len(tasks) - len(completed & tasks.keys()) - active
    draft.say(_summary(len(completed), size.total, active, max(0, given_up)))


def _end_older(draft: Draft) -> None:
    for task in list(draft.tasks.values()):
        older = task.job_iteration != draft.service.job_iteration
        if older and not task.status.state.terminal:
            draft.want(task, TaskState.REMOVE)


def _size(draft: Draft) -> Size:
    job: Raw | None = draft.spec.mode.replicated_job
    if job is None:
        there = may_stay(draft.service.spec.get("TaskTemplate", {}), draft.node)
        return Size(1, 1) if there else Size(0, 0)
    concurrent = int(job.get("MaxConcurrent", 1))
    return Size(int(job.get("TotalCompletions", concurrent)), concurrent)


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
