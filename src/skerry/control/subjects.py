"""What a name means to the skerry command: a stack, a service or a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skerry.control import services, tasks
from skerry.core.naming import stack_of
from skerry.core.view import View
from skerry.model.errors import NotFound
from skerry.model.objects import Service, Task


@dataclass(frozen=True)
class Stack:
    """The services that bear a stack's label."""

    name: str
    services: tuple[Service, ...]


def subject(view: View, ref: str) -> Stack | Service | Task:
    """The stack, or else the service, or else the task that is called so. Raises NotFound,
    InvalidParameter."""
    members = [service for service in view.services.values() if stack_of(service.spec.typed.labels) == ref]
    if members:
        return Stack(ref, tuple(sorted(members, key=lambda service: service.name)))
    for find in (services.find, _of_slot, tasks.find):
        try:
            return find(view, ref)
        except NotFound:
            continue
    raise NotFound(f"no stack, service or task is called {ref}: skerry status shows those that there are")


def tasks_of(view: View, subjects: Sequence[Stack | Service | Task]) -> list[Task]:
    """The tasks of these that there are now, those of services that have come to a stack later included."""
    gathered: dict[str, Task] = {}
    for item in subjects:
        match item:
            case Stack(name=name):
                rows = [task for task in view.tasks.values() if stack_of(task.labels) == name]
            case Service(id=key):
                rows = list(view.tasks_of(key))
            case Task(id=key):
                rows = [view.tasks[key]] if key in view.tasks else []
        gathered |= {task.id: task for task in rows}
    return sorted(gathered.values(), key=lambda task: (task.created_at, task.id))


def _of_slot(view: View, ref: str) -> Task:
    """The newest task of a slot that is called by it: `web.2`. Raises NotFound."""
    name, _, slot = ref.rpartition(".")
    named = [service for service in view.services.values() if service.name == name]
    rows = view.tasks_of(named[0].id) if named and slot.isdecimal() else ()
    for task in reversed(rows):
        if task.slot == int(slot):
            return task
    raise NotFound(f"task {ref} not found")
