"""What the agent asks of the network: a place to join, an orderly way out. `loops.handover` supplies it."""

from __future__ import annotations

from typing import Protocol

from skerry.model.objects import Task


class Traffic(Protocol):
    """The network's side of a task's life, in the order in which it is called."""

    async def joinable(self, task: Task) -> None:
        """Return once the bridges of all the task's networks can take containers."""

    async def withdrawn(self, task_id: str) -> None:
        """Take a task out of the kernel's table and the zone, and return when that has been applied.

        Mostly the store says already that it must leave (its desired state); an unhealthy task is still
        RUNNING and wanted there, and leaves the table by this call alone.
        """

    async def drain(self, task: Task) -> str:
        """Wait until what is in flight is answered; returns what happened in a sentence, or ""."""
