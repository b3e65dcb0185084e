"""Observed status into the store: states only rise, what has ended stays; one commit serves many tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from skerry.model.objects import Task
from skerry.model.states import TaskState
from skerry.store.store import Store, Tx

MESSAGES = {
    TaskState.ACCEPTED: "accepted",
    TaskState.PREPARING: "preparing",
    TaskState.READY: "prepared",
    TaskState.STARTING: "starting",
    TaskState.RUNNING: "started",
    TaskState.COMPLETE: "finished",
    TaskState.SHUTDOWN: "shutdown",
    TaskState.REJECTED: "preparing",
}
"""FAILED and REJECTED keep the message of the step that went wrong (a task is rejected in one step only);
their text is the Err."""

Edit = Callable[[Task, int], Task]
"""From a task's row and the time of the commit to the row as it should be."""


def advance(task: Task, state: TaskState, now: int, err: str = "", **status: Any) -> Task:
    """The task in `state`; unchanged where it is beyond that. `status` are further fields of its status."""
    before = task.status
    if before.state.terminal or state < before.state:
        return task
    rises = state > before.state
    # what it waited for (a crash loop's pause) is over once it starts
    after = msgspec.structs.replace(
        before,
        state=state,
        at=now if rises else before.at,
        message=MESSAGES.get(state, before.message) if rises else before.message,
        err=err or (before.err if state < TaskState.STARTING else ""),
        **status,
    )
    ready = now if state == TaskState.RUNNING and not task.running_at else task.running_at
    return task if after == before else msgspec.structs.replace(task, status=after, running_at=ready)


Waiting = tuple[Callable[[Tx], Task | None], asyncio.Future[Task | None]]


def _write_all(batch: list[Waiting], tx: Tx) -> list[Task | None]:
    return [write(tx) for write, _ in batch]


class Reporter:
    """Writes edits of task rows; those that come while a commit is under way share the next one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Waiting] = []
        self._flusher: asyncio.Task[None] | None = None

    async def edit(self, task_id: str, edit: Edit) -> Task | None:
        """Edit a row and return it as it is then; None where it is gone. Returned means on disk."""

        def write(tx: Tx) -> Task | None:
            task = tx.view.tasks.get(task_id)
            if task is None:
                return None
            after = edit(task, tx.now)
            return task if after is task else tx.put(after)

        return await self._written(write)

    async def delete(self, task_id: str) -> None:
        """Remove a row whose container is gone."""

        def write(tx: Tx) -> None:
            task = tx.view.tasks.get(task_id)
            if task is not None:
                tx.delete(task)

        await self._written(write)

    async def close(self) -> None:
        """Wait for the commit under way; nothing may be written afterwards."""
        if self._flusher is not None:
            await asyncio.gather(self._flusher, return_exceptions=True)

    async def _written(self, write: Callable[[Tx], Task | None]) -> Task | None:
        future: asyncio.Future[Task | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, future))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush(), name="agent reports")
        return await future

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                results = await self._store.update(partial(_write_all, batch))
            except Exception as error:  # noqa: BLE001 - whoever waits for a write must hear why it failed
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)
