"""The restart policy: whether and when a task that ended is replaced.

What has been tried is read from the task rows themselves, so a restarted daemon counts as before.
"""

from __future__ import annotations

from collections.abc import Iterable

from skerry.model.objects import Task
from skerry.model.specs import RestartPolicy
from skerry.model.states import TaskState

ENDED_BY_ITSELF = frozenset({TaskState.COMPLETE, TaskState.FAILED, TaskState.REJECTED})


def allowed(task: Task, slot_tasks: Iterable[Task], policy: RestartPolicy) -> bool:
    """Whether the policy lets `task`, which has ended, be followed by another in its slot."""
    if task.status.state not in ENDED_BY_ITSELF:
        return True
    if policy.condition == "none":
        return False
    if policy.condition == "on-failure" and task.status.state == TaskState.COMPLETE:
        return False
    return not policy.max_attempts or _attempts(task, slot_tasks, policy) < policy.max_attempts


def _attempts(task: Task, slot_tasks: Iterable[Task], policy: RestartPolicy) -> int:
    """Restarts of this spec in this slot so far; with a window, only those within it count."""
    oldest = task.status.at - policy.window if policy.window else 0
    same = [one for one in slot_tasks if one.spec_version == task.spec_version and one.id != task.id]
    return sum(1 for one in same if one.created_at <= task.created_at and one.status.at >= oldest)


def start_after(task: Task, policy: RestartPolicy) -> int:
    """The instant from which the successor of a task that ended may start.

    One that ended within its own delay (a missing image) does not shorten it.
    """
    return max(task.status.at, task.start_after) + policy.delay
