"""Services that are stopped: they keep their spec, names and addresses, and nothing of them runs.

A stop is a mark on the service's row, which a start takes away. While it is there, no task is wanted: what
has not begun goes at once, what runs goes once those have gone that depend on it and are stopped as well. So
a stack stops in the reverse of the order in which it starts, and whoever comes is refused only when nobody
needs it any more.
"""

from __future__ import annotations

from collections.abc import Iterator

from skerry.core.depends import needed
from skerry.core.draft import Draft
from skerry.core.parts import stack_of
from skerry.core.slots import has_begun
from skerry.core.view import View
from skerry.model.defaults import SECOND
from skerry.model.objects import Service, Task
from skerry.model.states import TaskState
from skerry.model.times import timestamp


def let_stop(draft: Draft) -> None:
    """Tell the tasks of a stopped service to go, those that run once nobody who stops needs them."""
    held_by = [
        other.name for other in _dependents(draft.view, draft.service) if not is_over(draft.view, other)
    ]
    for task in list(draft.tasks.values()):
        if not (held_by and has_begun(task)):
            draft.want(task, TaskState.SHUTDOWN)
    if held_by and any(task.live for task in draft.tasks.values()):
        draft.awaited = tuple(held_by)
        draft.say(f"stops once {', '.join(held_by)} has stopped")
    else:
        draft.say(words_of(draft.service))


def _dependents(view: View, service: Service) -> Iterator[Service]:
    """The stopped services that depend on a service, by name."""
    for other in sorted(view.services.values(), key=lambda other: other.name):
        if other.stopped is not None and any(
            target is not None and target.id == service.id for _, target in needed(view, other)
        ):
            yield other


def is_over(view: View, service: Service) -> bool:
    """Whether nothing of a service runs any more, or is about to."""
    return not any(_is_there(task) for task in view.tasks_of(service.id))


def _is_there(task: Task) -> bool:
    return not task.status.state.terminal and (task.live or task.placed)


def refuses(view: View, service: Service) -> bool:
    """Whether who comes for a service is refused at once, since nobody will serve it: it is stopped, and its
    tasks go."""
    return service.stopped is not None and not any(task.live for task in view.tasks_of(service.id))


def words_of(service: Service) -> str:
    """By whom a service was stopped, when, and how to start it again; "" where it is not stopped."""
    return f"{manner_of(service)}: {command_of(service)}" if service.stopped is not None else ""


def manner_of(service: Service) -> str:
    """By whom a service was stopped, and when: `stopped by root at 2026-11-29T07:00:00Z`."""
    assert service.stopped is not None
    by = f" by {service.stopped.by}" if service.stopped.by else ""
    return f"stopped{by} at {timestamp(service.stopped.at // SECOND * SECOND)}"


def command_of(service: Service) -> str:
    """What to type to start it again."""
    return f"skerry start {_place(service)}"


def _place(service: Service) -> str:
    """What the skerry command calls a service: `shop/web`."""
    stack = stack_of(service)
    prefix = f"{stack}_"
    of_stack = bool(stack) and service.name.startswith(prefix)
    return f"{stack}/{service.name.removeprefix(prefix)}" if of_stack else service.name
