"""How many: fill slots that are missing, give up those that are too many."""

from __future__ import annotations

from skerry.core.draft import Draft
from skerry.core.place import eligible
from skerry.core.slots import Slot
from skerry.model.states import TaskState

GLOBAL_SLOT = 0


def adjust(draft: Draft) -> None:
    """Bring the number of occupied slots to what the service asks for."""
    occupied = {number: slot for number, slot in draft.slots().items() if slot.occupied}
    wanted = _wanted(draft, occupied)
    for number in wanted - occupied.keys():
        draft.create(number, TaskState.RUNNING)
        draft.say(f"new task in slot {number}")
    for number in occupied.keys() - wanted:
        for task in occupied[number].tasks:
            if task.live or not task.status.state.terminal:
                draft.want(task, TaskState.REMOVE)
        draft.say(f"slot {number} is no longer wanted")


def _wanted(draft: Draft, occupied: dict[int, Slot]) -> set[int]:
    if draft.is_global:
        return {GLOBAL_SLOT} if eligible(draft.spec, draft.node) else set()
    replicated = draft.spec.mode.replicated
    count = replicated.replicas if replicated is not None else 1
    keep = sorted(occupied, key=lambda number: (not occupied[number].running, number))[:count]
    wanted = set(keep)
    number = 0
    while len(wanted) < count:
        number += 1
        wanted.add(number)
    return wanted
