"""Old tasks: a few are kept for each slot, so that `service ps` can tell what happened."""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.draft import Draft
from skerry.core.slots import Slot
from skerry.model.defaults import TASK_HISTORY, TASK_HISTORY_MOST


def trim(draft: Draft) -> None:
    """Drop the oldest ended tasks of slots that hold more than the limit, the live ones included."""
    limit = _limit(draft)
    limit = TASK_HISTORY_MOST if limit < 0 else min(limit, TASK_HISTORY_MOST)
    for slot in draft.slots().values():
        if len(slot.tasks) <= limit:
            continue
        telling = set(_telling(draft, slot))
        ended = [task for task in slot.tasks if not task.live and task.status.state.terminal]
        ended = [task for task in ended if task.id not in telling]
        ended.sort(key=lambda task: (task.status.at, task.id))
        for task in ended[: len(slot.tasks) - limit]:
            draft.drop(task)


def _telling(draft: Draft, slot: Slot) -> Iterator[str]:
    """Tasks from which later passes still read: how the slot stands, how often the policy has tried, how far
    the update under way is."""
    last = slot.last
    yield from (last.id, slot.tasks[-1].id)
    if draft.policy.max_attempts:
        for version in {last.spec_version, *(task.spec_version for task in slot.live)}:
            tried = [task.id for task in slot.tasks if task.spec_version == version]
            yield from tried[-min(draft.policy.max_attempts + 1, TASK_HISTORY_MOST) :]
    update = draft.service.update
    if update is not None:
        yield update.failed_task  # `skerry why` tells of it
    if update is not None and update.completed_at is None:
        made = [task for task in slot.tasks if task.update_started_at == update.started_at]
        older = [task for task in slot.tasks if made and task.created_at < made[-1].created_at]
        yield from (task.id for task in made)
        if older:
            yield max(older, key=lambda task: task.status.at).id  # when it stopped, the slot was done


def _limit(draft: Draft) -> int:
    if draft.policy.max_attempts:
        return draft.policy.max_attempts + 1
    cluster = draft.view.cluster
    limit = cluster.task_history if cluster is not None else None
    return TASK_HISTORY if limit is None else limit
