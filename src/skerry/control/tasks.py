"""Tasks, as far as a client may name them: they are never written by a call of their own."""

from __future__ import annotations

from skerry.control import access
from skerry.core.view import View
from skerry.model.objects import Task


def find(view: View, ref: str) -> Task:
    """A task by ID, full name (`service.slot.id`) or ID prefix. Raises NotFound, InvalidParameter."""
    return access.find(view, "task", view.tasks.values(), ref, lambda task: task.name == ref)
