"""How far a service is: how many of its places have what its spec asks for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skerry.core.dirty import is_dirty
from skerry.core.jobs import completed_slots
from skerry.core.place import may_stay
from skerry.core.view import View
from skerry.model.objects import Node, Service, Task
from skerry.model.states import TaskState


@dataclass(frozen=True)
class Standing:
    """A service's places: those that have a ready task of its current spec, and those that it asks for. Of a
    job they are its completions."""

    ready: int
    wanted: int

    @property
    def full(self) -> bool:
        """Whether every place has what it asks for."""
        return self.ready >= self.wanted


def standing(view: View, service: Service) -> Standing:
    """How far a service is by its current spec."""
    wanted = wanted_of(service, view.node)
    if service.is_job:
        return Standing(completed_slots(service, view.tasks_of(service.id)), wanted)
    running = (task.slot for task in current(view, service) if task.status.state == TaskState.RUNNING)
    return Standing(len(set(running)), wanted)


def wanted_of(service: Service, node: Node | None) -> int:
    """How many places a service asks for."""
    mode = service.spec.typed.mode
    if mode.is_global:
        return int(node is not None and may_stay(service.spec.typed.task_template.placement, node))
    if mode.replicated_job is not None:
        job = mode.replicated_job
        return job.max_concurrent if job.total_completions is None else job.total_completions
    return mode.replicated.replicas if mode.replicated is not None else 1


def current(view: View, service: Service) -> list[Task]:
    """The wanted tasks that are as the spec says now; of a job, those of its run."""
    return [task for task in made_as_asked(view, service) if task.live]


def made_as_asked(view: View, service: Service) -> list[Task]:
    """The same with those that have ended."""
    node = view.node
    assert node is not None
    tasks = (task for task in view.tasks_of(service.id) if task.desired < TaskState.REMOVE)
    return [task for task in tasks if _is_current(service, task, node)]


def _is_current(service: Service, task: Task, node: Node) -> bool:
    if service.is_job:
        return task.job_iteration == service.job_iteration
    return not is_dirty(service, task, node)


def has_started(tasks: Iterable[Task]) -> bool:
    """Whether the container of one of the tasks runs, or has run to its end."""
    return any(
        task.status.state in (TaskState.RUNNING, TaskState.COMPLETE)
        or (task.status.state == TaskState.STARTING and task.status.pid > 0)
        for task in tasks
    )
