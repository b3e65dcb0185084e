"""Recorded instants, moved along when the machine's clock is set: a wait is a length of time, not a date."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from skerry.core.view import View
from skerry.model.objects import Note, Object, Service, Task, UpdateStatus


def latest(view: View) -> int:
    """The last instant at which anything was written (ns); 0 where nothing was."""
    rows = (view.services, view.tasks, view.nodes, view.clusters, view.networks)
    return max((obj.updated_at for row in rows for obj in row.values()), default=0)


def shifted(view: View, by: int, now: int) -> Iterator[Object]:
    """The rows that something is waited by, `by` nanoseconds later; and as they are, those that were written
    after what is `now` from here on: they are to be written again."""
    for key in sorted(view.services):
        yield _service(view.services[key], by)
    for key in sorted(view.tasks):
        yield _task(view.tasks[key], by)
    for key in sorted(view.formers):
        yield replace(view.formers[key], until=_moved(view.formers[key].until, by))
    for key in sorted(view.decisions):
        decision = view.decisions[key]
        yield replace(decision, notes=tuple(_note(note, by) for note in decision.notes))
    for rows in (view.nodes, view.clusters, view.networks):
        yield from (rows[key] for key in sorted(rows) if rows[key].updated_at > now)


def _moved(at: int, by: int) -> int:
    """Zero is no instant, and stays."""
    return max(1, at + by) if at else 0


def _service(service: Service, by: int) -> Service:
    return replace(
        service,
        created_at=_moved(service.created_at, by),
        last_execution=_moved(service.last_execution, by),
        update=_update(service.update, by) if service.update is not None else None,
    )


def _update(status: UpdateStatus, by: int) -> UpdateStatus:
    completed = _moved(status.completed_at, by) if status.completed_at is not None else None
    return replace(status, started_at=_moved(status.started_at, by), completed_at=completed)


def _task(task: Task, by: int) -> Task:
    return replace(
        task,
        created_at=_moved(task.created_at, by),
        start_after=_moved(task.start_after, by),
        running_at=_moved(task.running_at, by),
        update_started_at=_moved(task.update_started_at, by),
        status=replace(task.status, at=_moved(task.status.at, by)),
    )


def _note(note: Note, by: int) -> Note:
    return replace(note, at=_moved(note.at, by), until=_moved(note.until, by))
