"""What a pass decided: rows to write, when to look again, and why, in words."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.model.objects import FormerAddress, Note, Service, Task


@dataclass(frozen=True)
class Plan:
    """The outcome of one pass over one service. Applying it and passing again yields nothing new.

    New tasks carry a placeholder for an ID (`is_new`), which whoever applies the plan replaces: the core
    draws no random numbers.
    """

    service: Service | None = None
    """The service as it is to be written, or None where it stays as it is."""
    tasks: tuple[Task, ...] = ()
    """Task rows to create or to replace."""
    deleted: tuple[Task, ...] = ()
    """Task rows to remove."""
    formers: tuple[FormerAddress, ...] = ()
    """Addresses to remember."""
    forgotten: tuple[FormerAddress, ...] = ()
    """Those whose time is over."""
    wake_at: int | None = None
    """Look again at this instant (ns) even if nothing changes until then."""
    awaited: tuple[str, ...] = ()
    """Look again when anything changes about the services of these names."""
    note: Note = Note("")
    """The decision in words."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        written = (self.tasks, self.deleted, self.formers, self.forgotten)
        return self.service is None and not any(written)


PLACEHOLDER = "+"


def is_new(task: Task) -> bool:
    """Whether a task of a plan has no ID of its own yet."""
    return task.id.startswith(PLACEHOLDER)
