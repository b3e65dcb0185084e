"""Old tasks: a few are kept for each slot, so that `service ps` can tell what happened."""

from __future__ import annotations

from skerry.core.draft import Draft
from skerry.core.slots import Slot
from skerry.model.defaults import TASK_HISTORY


def trim(draft: Draft) -> None:
    """Drop the oldest ended tasks of slots that hold more than the limit, the live ones included."""
    limit = _limit(draft)
    if limit < 0:
        return
    for slot in draft.slots().values():
        _trim(draft, slot, limit)


def _trim(draft: Draft, slot: Slot, limit: int) -> None:
    ended = [task for task in slot.tasks if not task.live and task.status.state.terminal]
    ended.sort(key=lambda task: (task.status.at, task.id))
    if slot.given_up or draft.service.is_job:
        ended = [task for task in ended if task is not slot.tasks[-1]]  # it tells that the slot is taken
    for task in ended[: max(0, len(slot.tasks) - limit)]:
        draft.drop(task)


def _limit(draft: Draft) -> int:
    if draft.policy.max_attempts:
        return draft.policy.max_attempts + 1
    cluster = draft.view.cluster
    orchestration = (cluster.spec.get("Orchestration") or {}) if cluster else {}
    found = orchestration.get("TaskHistoryRetentionLimit")
    return TASK_HISTORY if found is None else int(found)
