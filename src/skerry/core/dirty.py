"""Whether a task still is what its service asks for.

One function answers for the update, for the rollback and for the docker CLI's hidden `_up-to-date` filter.
Source: swarmkit `orchestrator/task.go`.
"""

from __future__ import annotations

from msgspec.structs import replace

from skerry.core.constraints import fits
from skerry.model.objects import Node, Service, Task
from skerry.model.spec import endpoint_of, template_of
from skerry.model.states import TaskState


def is_dirty(service: Service, task: Task, node: Node) -> bool:
    """Whether the task differs from the service in a way that only a new task can change.

    Labels of the service, its mode and its update settings are no part of a task; a different placement is a
    difference only where the node does not satisfy it, or where the task waits for a place.
    """
    if task.spec_version == service.spec_version:
        return False
    template = template_of(service.spec)
    if not template.same_but("Placement", task.spec):
        return True
    if template != task.spec:
        waiting = task.status.state < TaskState.ASSIGNED
        if waiting or not fits(template.typed.placement, node):
            return True
    return endpoint_of(service.spec) != task.endpoint_spec


def is_dirty_as_it_waits(service: Service, task: Task, node: Node) -> bool:
    """Whether a task is out of date by its waiting alone: with a place it would be what the service wants."""
    placed = replace(task, status=replace(task.status, state=TaskState.ASSIGNED))
    return is_dirty(service, task, node) and not is_dirty(service, placed, node)
