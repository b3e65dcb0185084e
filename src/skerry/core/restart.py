"""The restart policy: whether and when a task that ended is replaced.

What has been tried is read from the task rows themselves, so a restarted daemon counts as before.
"""

from __future__ import annotations

from collections.abc import Iterable

from skerry.model.defaults import SECOND
from skerry.model.objects import Task
from skerry.model.specs import RestartPolicy
from skerry.model.states import TaskState
from skerry.model.times import timestamp

ENDED_BY_ITSELF = frozenset({TaskState.COMPLETE, TaskState.FAILED, TaskState.REJECTED})

PATIENCE = 5
"""So many failures in a row are followed by the policy's own delay; then each pause is twice the last."""

STEADY = 300 * SECOND
"""A task that ran for so long has worked: its failure begins a new row."""


def is_try(task: Task, since: int) -> bool:
    """Whether a task counts as a try of a service that was last started at an instant (ns): it was made
    since, or it went on then and has ended by itself, if at all."""
    state = task.status.state
    ended_since = state in ENDED_BY_ITSELF and task.status.at >= since
    return task.created_at >= since or not state.terminal or ended_since


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
    same = [other for other in slot_tasks if other.spec_version == task.spec_version and other.id != task.id]
    return sum(1 for other in same if other.created_at <= task.created_at and other.status.at >= oldest)


def streak_after(task: Task) -> int:
    """How many tasks have failed one after another in the slot, this one, which has ended, included."""
    if task.status.state not in (TaskState.FAILED, TaskState.REJECTED):
        return 0
    steady = task.running_at and task.status.at - task.running_at >= STEADY
    return 1 if steady else task.streak + 1


def pause(streak: int, policy: RestartPolicy, longest: int) -> int:
    """How long the successor of a task waits (ns), after `streak` failures in a row."""
    if streak <= PATIENCE:
        return policy.delay
    doubled = max(policy.delay, SECOND) << min(streak - PATIENCE, 32)
    return max(policy.delay, min(doubled, longest))


def start_after(task: Task, policy: RestartPolicy, longest: int) -> int:
    """The instant from which the successor of a task that ended may start.

    One that ended within its own delay (a missing image) does not shorten it.
    """
    return max(task.status.at, task.start_after) + pause(streak_after(task), policy, longest)


def crash_loop(task: Task) -> str:
    """What a successor waits for where its predecessors have failed too often; "" where they have not."""
    if task.streak <= PATIENCE:
        return ""
    at = timestamp(task.start_after // SECOND * SECOND)
    return f"{task.streak} failures in a row, next try at {at}"
