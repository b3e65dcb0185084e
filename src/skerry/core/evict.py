"""Tasks that may not stay: the node is being drained, or is no longer one that they ask for.

Swarm shuts them down and makes others, which wait until there is a node for them and until the old ones have
stopped; the restart delay does not apply. Source: swarmkit `orchestrator/restart`, `constraintenforcer`.
"""

from __future__ import annotations

from msgspec.structs import replace

from skerry.core.constraints import fits
from skerry.core.draft import Draft
from skerry.core.place import may_stay
from skerry.core.slots import Slot, has_begun
from skerry.model.objects import Task
from skerry.model.states import TaskState

NO_LONGER = "assigned node no longer meets constraints"


def evict(draft: Draft) -> None:
    """Tell placed tasks that may not stay to go, and make those that come back for them."""
    for slot in draft.slots().values():
        leaving = [
            task for task in slot.live if task.placed and not may_stay(task.spec.typed.placement, draft.node)
        ]
        for task in leaving:
            _tell(draft, task)
        if leaving:
            draft.say(f"{draft.name(slot.number)} has to leave the node")
        # a global service has no place without the node, and a job makes its next try itself
        if _left_empty(slot, leaving) and not draft.is_global and not draft.service.is_job:
            before = next((task for task in reversed(leaving) if has_begun(task)), leaving[-1])
            draft.create(slot.number, TaskState.READY, follows=before.id)


def _tell(draft: Draft, task: Task) -> None:
    if not fits(task.spec.typed.placement, draft.node) and not draft.is_global:
        task = replace(task, evicted=NO_LONGER)
        draft.write(task)
    draft.want(task, TaskState.SHUTDOWN)


def _left_empty(slot: Slot, leaving: list[Task]) -> bool:
    return bool(leaving) and len(leaving) == len(slot.live)
