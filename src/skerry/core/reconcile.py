"""One pass over one service: from what is and what is wanted to what to do next."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.core import afterlife, depends, history, hostports, place, replicas
from skerry.core.draft import Draft
from skerry.core.evict import evict
from skerry.core.jobs import run_job
from skerry.core.plan import Plan
from skerry.core.replace import let_go, raise_ready, replace_ended
from skerry.core.stopped import let_stop
from skerry.core.turn import HeldService, held, unsettled
from skerry.core.update import take_over, update
from skerry.core.view import View
from skerry.model.defaults import SETTLING
from skerry.model.objects import Note, Service, Task
from skerry.model.states import TaskState


def reconcile(view: View, service_id: str, now: int) -> Plan:
    """Decide what to do about a service at `now` (ns). Deterministic; asked again once applied, empty."""
    service, node = view.services.get(service_id), view.node
    if service is None or node is None:
        return _clear(view.tasks_of(service_id))
    before, former = held(view, service), unsettled(view, service, now)
    if before is not None:
        former = before.service
    draft = Draft(view, former or service, node, now)
    if service.stopped is not None:
        let_stop(draft)
    else:
        _look_around(draft, service, before, former)
        _decide(draft, rolls=former is None)
    hostports.assign(draft)
    place.place(draft)
    afterlife.keep(draft)
    history.trim(draft)  # last: what this pass makes counts too
    return draft.plan()


def _look_around(draft: Draft, service: Service, before: HeldService | None, former: Service | None) -> None:
    """Have the pass know what is waited for: by its tasks, by its turn in a release, or for the rest of its
    deployment. `former` is what the service is until then."""
    depends.look(draft)
    if before is not None:
        depends.say(draft, before.waits)
    elif former is not None:
        draft.say("waits for the rest of its deployment", service.settles_at, SETTLING)
        draft.wake(service.settles_at)


def _decide(draft: Draft, *, rolls: bool) -> None:
    """What becomes of the tasks of a service that is to run; unless it `rolls`, what is out of date stays."""
    evict(draft)
    if draft.service.is_job:
        run_job(draft)
    else:
        numbers = replicas.adjust(draft)
        turned_back = rolls and update(draft, numbers)
        if not turned_back:  # else what has just failed would be tried once more
            replace_ended(draft)
            take_over(draft, numbers)
        let_go(draft)
    raise_ready(draft)


def _clear(tasks: tuple[Task, ...]) -> Plan:
    """Nobody wants these any more; the agent removes what it has begun, the rest just goes."""
    unplaced = tuple(task for task in tasks if task.status.state < TaskState.ASSIGNED)
    begun = [task for task in tasks if task.status.state >= TaskState.ASSIGNED]
    remaining = [task for task in begun if task.desired < TaskState.REMOVE]
    return Plan(
        tasks=tuple(replace(task, desired=TaskState.REMOVE) for task in remaining),
        deleted=unplaced,
        note=Note("the service is gone"),
    )
