"""How many: fill slots that are missing, give up those that are too many."""

from __future__ import annotations

from itertools import islice

from skerry.core.draft import MOST_TASKS, Draft
from skerry.core.place import available, may_stay
from skerry.core.replace import leaving
from skerry.core.slots import Slot
from skerry.model.states import TaskState

GLOBAL_SLOT = 0


def adjust(draft: Draft) -> set[int]:
    """Bring the number of occupied slots to what the service asks for; the slots that it asks for, of those
    that are still to be made only as many as one pass makes."""
    slots = draft.slots()
    occupied = {number: slot for number, slot in slots.items() if slot.occupied}
    numbers = _desired_numbers(draft, occupied)
    for number in sorted(numbers - occupied.keys()):
        before = leaving(slots[number]) if number in slots else ""
        draft.create(number, TaskState.READY if before else draft.begins_as, follows=before)
        draft.say(f"new task {draft.name(number)}")
    for number, slot in draft.slots().items():
        if number not in numbers:
            _leave(draft, slot)
    return numbers


def _leave(draft: Draft, slot: Slot) -> None:
    """Give a slot up, those of its tasks that ended too: one that was given up would hold it."""
    if slot.occupied:
        draft.say(f"{draft.name(slot.number)} is no longer wanted")
    for task in slot.tasks:
        draft.want(task, _final_state(draft))


def _desired_numbers(draft: Draft, occupied: dict[int, Slot]) -> set[int]:
    if draft.is_global:
        return {GLOBAL_SLOT} if _wants_node(draft, bool(occupied)) else set()
    replicated = draft.spec.mode.replicated
    count = replicated.replicas if replicated is not None else 1
    keep = set(sorted(occupied, key=lambda number: (not occupied[number].running, number))[:count])
    free = (number for number in range(1, count + 1) if number not in keep)
    missing = count - len(keep)
    made = min(missing, draft.room_for_slots(len(keep))) if missing else 0
    if made < missing:
        draft.say(f"{missing - made} more are made as those before them run, {MOST_TASKS} at most in all")
    return {*keep, *islice(free, made)}


def _wants_node(draft: Draft, has_task: bool) -> bool:
    """Whether a global service has a task on this node; where new ones are not taken, only the one it has."""
    fits = may_stay(draft.spec.task_template.placement, draft.node)
    return fits and (has_task or available(draft.node))


def _final_state(draft: Draft) -> TaskState:
    """A slot that is scaled away is forgotten; of a node that a global service left, the history stays."""
    return TaskState.SHUTDOWN if draft.is_global else TaskState.REMOVE
