"""Slots: the places of a service, each with the tasks that have held it.

A replicated service counts its slots from 1; a global one has a single place, its node, which is slot 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skerry.core import restart
from skerry.core.dirty import is_dirty
from skerry.model.objects import Node, Service, Task
from skerry.model.specs import RestartPolicy
from skerry.model.states import TaskState


@dataclass(frozen=True)
class Slot:
    """One place: its tasks, oldest first, and how they stand to the service's spec now."""

    number: int
    tasks: tuple[Task, ...]
    live: tuple[Task, ...]
    """Those that are wanted, in the order of their making."""
    clean: tuple[Task, ...]
    """Wanted, and made as the spec says now."""
    dirty: tuple[Task, ...]
    """Wanted, but made from another spec."""
    last: Task
    """The one that was wanted last, which tells how the place stands. After a rollback that is not always
    the one made last."""
    given_up: bool
    """Nothing is wanted, since the last task ended and the restart policy leaves it at that."""
    tries: tuple[Task, ...]
    """Those of its tasks that the restart policy counts: none from before the service was last started."""

    @property
    def occupied(self) -> bool:
        """Whether the place counts as filled."""
        return bool(self.clean or self.dirty) or self.given_up

    @property
    def running(self) -> bool:
        """Whether a wanted task runs."""
        return any(task.status.state == TaskState.RUNNING for task in self.live)

    @property
    def serves_as_asked(self) -> bool:
        """Whether a task runs that is as the spec says now."""
        return any(task.status.state == TaskState.RUNNING for task in self.clean)


def has_begun(task: Task) -> bool:
    """Whether a task has its container running, or is about to."""
    return TaskState.STARTING <= task.status.state <= TaskState.RUNNING


def slots_of(service: Service, tasks: Iterable[Task], policy: RestartPolicy, node: Node) -> dict[int, Slot]:
    """Group a service's tasks (oldest first) by slot; those to be removed hold no place."""
    groups: dict[int, list[Task]] = {}
    for task in tasks:
        if task.desired < TaskState.REMOVE:
            groups.setdefault(task.slot, []).append(task)
    return {
        number: _slot(service, number, tuple(group), policy, node) for number, group in sorted(groups.items())
    }


def _slot(service: Service, number: int, tasks: tuple[Task, ...], policy: RestartPolicy, node: Node) -> Slot:
    live = tuple(task for task in tasks if task.live)
    dirty = tuple(task for task in live if is_dirty(service, task, node))
    last = _last(tasks)
    since = service.started_at
    tries = tuple(task for task in tasks if restart.is_try(task, since)) if since else tasks
    return Slot(
        number=number,
        tasks=tasks,
        live=live,
        clean=tuple(task for task in live if task not in dirty) if dirty else live,
        dirty=dirty,
        last=last,
        given_up=not live and last in tries and not restart.allowed(last, tries, policy),
        tries=tries,
    )


def _last(tasks: tuple[Task, ...]) -> Task:
    newest = tasks[-1]
    if len(tasks) == 1:
        return newest
    by_itself = [task for task in tasks if task.status.state in restart.ENDED_BY_ITSELF]
    ended = max(by_itself, key=lambda task: task.status.at, default=newest)
    return ended if ended.status.at >= newest.created_at else newest
