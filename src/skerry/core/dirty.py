"""Whether a task still is what its service asks for.

One function answers for the update, for the rollback and for the docker CLI's hidden `_up-to-date` filter.
Source: swarmkit `orchestrator/task.go`.
"""

from __future__ import annotations

from skerry.model.objects import Raw, Service, Task


def is_dirty(service: Service, task: Task) -> bool:
    """Whether the task differs from the service in a way that only a new task can change.

    Labels of the service, its mode and its update settings are no part of a task; a different placement
    is no reason to move where there is one node to be on.
    """
    if task.spec_version == service.spec_version:
        return False
    return _template(service.spec.get("TaskTemplate", {})) != _template(task.spec) or (
        service.spec.get("EndpointSpec") != task.endpoint_spec
    )


def _template(template: Raw) -> Raw:
    return {key: value for key, value in template.items() if key != "Placement"}
