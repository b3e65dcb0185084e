"""A task's addresses: there before its container is made, and others where the engine has them taken."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from msgspec.structs import replace

from skerry.agent.actor_deps import AgentDeps
from skerry.core.addresses import Allocator
from skerry.model.objects import Task
from skerry.store.store import Tx

IN_USE = "Address already in use"
"""What the engine answers where somebody has the address whom skerry does not know: a container that was put
on a network's bridge behind its back."""


async def seat(parts: AgentDeps, task: Task, without: Collection[str] = ()) -> Task:
    """The task with an address on each of its networks, none of them one of `without`. Raises Exhausted.

    The orchestrator gives them; tasks of an older skerry have none yet.
    """
    if not without and all(attachment.reserved for attachment in task.attachments):
        return task
    return await parts.store.update(partial(_seated, task=task, without=without))


def _seated(tx: Tx, task: Task, without: Collection[str]) -> Task:
    row = tx.view.tasks.get(task.id)
    if row is None or row.status.state.terminal:
        return task
    attachments = Allocator(tx.view).attachments(row, tx.view.tasks.get(row.follows), without)
    return row if attachments == row.attachments else tx.put(replace(row, attachments=attachments))
