"""What goes on with a service, in a word and a reason: what a release's progress shows."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.core.depends import dependencies, waits
from skerry.core.draft import UNDER_WAY
from skerry.core.standing import current, standing
from skerry.core.stopped import is_over, words_of
from skerry.core.turn import held
from skerry.core.view import View
from skerry.model.objects import Service, Task
from skerry.model.states import TaskState

WAITS, PULLING, STARTING, READY = "waits", "pulling", "starting", "ready"
DRAINING, DONE, FAILED, STOPPED = "draining", "done", "failed", "stopped"


@dataclass(frozen=True)
class Phase:
    """What goes on with one service, and how far it is."""

    word: str
    ready: int
    wanted: int
    reason: str = ""


def phase_of(view: View, service: Service) -> Phase:
    """What goes on with a service at this moment."""
    stands = standing(view, service)
    word, reason = _word(view, service, full=stands.full)
    return Phase(word, stands.ready, stands.wanted, reason)


def _word(view: View, service: Service, *, full: bool) -> tuple[str, str]:
    """The word and the reason of a phase: what needs somebody first, then what is waited for, then how far
    the tasks are."""
    update = service.update
    if service.stopped is not None:
        return (STOPPED, words_of(service)) if is_over(view, service) else (DRAINING, _note(view, service))
    if update is not None and "paused" in update.state:
        return FAILED, update.message
    if why := _waits(view, service):
        return WAITS, why
    under_way = update is not None and update.state in UNDER_WAY
    if full and not under_way:
        return DONE, ""
    on_the_way = [task for task in current(view, service) if task.status.state < TaskState.RUNNING]
    if on_the_way:
        return _of_task(min(on_the_way, key=_rank))
    if any(_is_leaving(task) for task in view.tasks_of(service.id)):
        return DRAINING, ""
    return READY if full else STARTING, _note(view, service)


def _note(view: View, service: Service) -> str:
    """What was decided last about a service, in words."""
    decision = view.decisions.get(service.id)
    return decision.notes[-1].text if decision is not None and decision.notes else ""


def _rank(task: Task) -> int:
    return int(task.status.state)


def _waits(view: View, service: Service) -> str:
    """What its turn, or the start of its first tasks, waits for."""
    turn = held(view, service)
    if turn is not None:
        return ", ".join(wait.words for wait in turn.waits)
    if not dependencies(service) or service.update is not None:
        return ""
    if any(task.live and task.status.state > TaskState.READY for task in view.tasks_of(service.id)):
        return ""
    return ", ".join(wait.words for wait in waits(view, service))


def _of_task(task: Task) -> tuple[str, str]:
    """What the task is about that is least far."""
    reason = task.status.err
    if task.status.state < TaskState.ASSIGNED:
        return WAITS, reason
    if task.status.state < TaskState.READY:
        return PULLING, reason
    return STARTING, reason


def _is_leaving(task: Task) -> bool:
    return not task.live and task.status.state == TaskState.RUNNING
