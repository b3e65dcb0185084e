"""What a commit means, in words and with causes, for `skerry events`. Pure.

The end of a task is told once its facts are there, which come a moment behind it, and so is an update
that was
turned by it.
"""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.naming import stack_of
from skerry.core.spec_words import described, difference
from skerry.core.stopped import manner_of
from skerry.core.versions import kind_of, versions_of
from skerry.core.view import View
from skerry.core.why.answer import Scene
from skerry.core.why.ends import of_end
from skerry.core.why.rollout import of_update
from skerry.core.why.unplaced import of_wait, port_held
from skerry.core.why.words import span
from skerry.model.event import Event
from skerry.model.files import Config, File, Secret
from skerry.model.objects import Network, Node, Object, Service, Task
from skerry.model.states import TaskState

TOLD = (Task, Service, Node, Network, Config, Secret)
"""The rows of which something is told."""
TURNED = frozenset({"paused", "rollback_paused", "rollback_started"})


def events_of(view: View, old: Object | None, new: Object | None, at: int) -> Iterator[Event]:
    """The events of one change of a row; either is None where it is new or gone."""
    match new or old:
        case Task():
            yield from _of_task(view, old, new, at)  # type: ignore[arg-type]
        case Service():
            yield from _of_service(view, old, new, at)  # type: ignore[arg-type]
        case Node():
            yield from _of_node(old, new, at)  # type: ignore[arg-type]
        case Network(name=name) as row:
            if row and (old is None or new is None):
                yield Event(at, "network", f"network {name} was {_made_or_gone(old)}", name)
        case Config() | Secret():
            yield from _of_file(view, old, new, at)  # type: ignore[arg-type]


def _made_or_gone(old: Object | None) -> str:
    return "created" if old is None else "removed"


def _of_file(view: View, old: File | None, new: File | None, at: int) -> Iterator[Event]:
    """What happened to a config or secret. One whose name means another version by now has not gone."""
    if old is not None and new is not None:
        return
    row = new or old
    assert row is not None
    kind = kind_of(row)
    rows = versions_of(view, kind, row.name)
    if new is None and any(isinstance(other, File) for other in rows):
        return
    is_first = row.number == 1 and len(rows) == 1
    words = f"was {_made_or_gone(old)}" if new is None or is_first else f"is version {row.number} now"
    yield Event(at, kind, f"{kind} {row.name} {words}", row.name)


def turned(old: Object | None, new: Object | None) -> bool:
    """Whether an update was paused or turned back by this change, for which a task's facts are waited for."""
    if not isinstance(new, Service) or new.update is None or new.update.state not in TURNED:
        return False
    before = old.update.state if isinstance(old, Service) and old.update is not None else ""
    return before != new.update.state


def of_turn(view: View, service: Service, at: int) -> Event:
    """The event of an update that was paused or turned back."""
    cause = of_update(view, service, Scene(view, at).names)
    words = cause.sentence if cause is not None else f"it rolls back: {_message(service)}"
    return _about(service, at, "update", f"{service.name}: {words}", trouble=cause is not None)


def _message(service: Service) -> str:
    return service.update.message if service.update is not None else ""


def _of_task(view: View, old: Task | None, new: Task | None, at: int) -> Iterator[Event]:
    if new is None or old is None:
        return
    if new.running_at and not old.running_at:
        took = span(new.running_at - new.created_at)
        yield _task(new, at, "ready", f"{new.short_name} is ready, {took} after it was made")
    if _end_is_told(old, new):
        yield from _of_its_end(view, new, at)
    if new.status.state == TaskState.PENDING and new.status.err and new.status.err != old.status.err:
        cause = of_wait(view, new)
        if cause is not None:
            text = f"{new.short_name} waits for a place: {cause.sentence}"
            yield _task(new, at, "pending", text, trouble=True)


def _end_is_told(old: Task, new: Task) -> bool:
    """Whether all is known of a task that has ended: with its facts, or, where there are none, at once."""
    if not new.status.state.terminal:
        return False
    if new.facts is not None and (old.facts is None or old.facts.at != new.facts.at):
        return True
    begun = new.status.state != old.status.state
    finished = new.status.state == TaskState.COMPLETE and new.job_iteration is not None
    return begun and (finished or new.status.state == TaskState.REJECTED)


def _of_its_end(view: View, task: Task, at: int) -> Iterator[Event]:
    if task.status.state == TaskState.COMPLETE and task.job_iteration is not None:
        yield _task(task, at, "finished", f"{task.short_name} has finished its work")
    elif task.status.state in (TaskState.FAILED, TaskState.REJECTED, TaskState.COMPLETE):
        cause = of_end(task, Scene(view, at).names)
        yield _task(task, at, "failed", f"{task.short_name} failed: {cause.sentence}", trouble=True)


def _task(task: Task, at: int, kind: str, text: str, *, trouble: bool = False) -> Event:
    return Event(at, kind, text, task.short_name, task.service_name, stack_of(task.labels), trouble)


def _of_service(view: View, old: Service | None, new: Service | None, at: int) -> Iterator[Event]:
    """What happened to a service, but for its turn in a release, of which the release tells."""
    if new is None:
        assert old is not None
        yield _about(old, at, "service", f"{old.name} was removed")
        return
    if old is None:
        yield _about(new, at, "service", f"{new.name} was created: {described(new.spec.typed)}")
        return
    if old.spec_version != new.spec_version and not turned(old, new):
        yield _about(new, at, "service", f"{new.name} was changed: {difference(old.spec, new.spec)}")
    if (old.stopped is None) != (new.stopped is None):
        words = "started again" if new.stopped is None else manner_of(new)
        yield _about(new, at, "service", f"{new.name} was {words}")
    before, after = (row.update.state if row.update is not None else "" for row in (old, new))
    if before != after and after and not turned(old, new):
        took = (
            new.update.completed_at - new.update.started_at if new.update and new.update.completed_at else 0
        )
        words = after.replace("_", " ") if after != "updating" else "update begun"
        text = f"{new.name}: {words}" + (f" after {span(took)}" if took else "")
        yield _about(new, at, "update", text)


def _about(service: Service, at: int, kind: str, text: str, *, trouble: bool = False) -> Event:
    return Event(at, kind, text, service.name, service.name, stack_of(service.spec.typed.labels), trouble)


def _of_node(old: Node | None, new: Node | None, at: int) -> Iterator[Event]:
    if new is None or old is None:
        word = "left" if new is None else "joined"
        yield Event(at, "node", f"this machine {word} the swarm")
        return
    if old.availability != new.availability:
        yield Event(at, "node", f"the availability of {new.hostname} is {new.availability}", new.hostname)
    for key in sorted(new.ports_err.keys() - old.ports_err.keys()):
        yield Event(at, "port", port_held(new, key).sentence, key, trouble=True)
    for key in sorted(old.ports_err.keys() & set(new.reserved)):
        protocol, _, number = key.partition("/")
        yield Event(at, "port", f"the port {number}/{protocol} is held by skerry now", key)
