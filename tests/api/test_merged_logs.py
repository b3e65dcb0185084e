"""Logs of several containers as one stream: what the marks leave out, and what is held for order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from skerry.api import merged_logs
from skerry.api.merged_logs import MergedLogs
from skerry.engine.port import EngineUnreachable
from skerry.engine.streams import frame
from skerry.model.objects import Task
from skerry.model.states import TaskState
from skerry.store.store import Store
from tests.agent.stage import new_task
from tests.support.memory import Memory


class Logs:
    """An engine with nothing but logs: `said` by container, each (second, text); `cuts` streams break off."""

    def __init__(self) -> None:
        self.said: dict[str, list[tuple[int, str]]] = {}
        self.cuts = 0
        self.asked: list[dict[str, str]] = []

    @asynccontextmanager
    async def logs(self, container: str, **query: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.asked.append(query)
        yield self._lines(container, query)

    async def _lines(self, container: str, query: dict[str, str]) -> AsyncIterator[bytes]:
        since = float(query.get("since", 0))
        lines = [line for line in self.said[container] if at(line[0]) >= since]
        tail = query["tail"]
        for second, text in lines if tail == "all" else lines[len(lines) - int(tail) :]:
            yield frame(1, f"{stamp(second)} {text}\n".encode())
            if self.cuts:
                self.cuts -= 1
                raise EngineUnreachable("gone")


def stamp(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}.000000000Z"


def at(second: int) -> float:
    return float(merged_logs._seconds(stamp(second)))


def a_task(key: str, state: TaskState) -> Task:
    task = new_task(key, TaskState.RUNNING, {})
    return replace(task, status=replace(task.status, state=state, container_id=f"c-{key}"))


async def reading(engine: Any, *tasks: Task, tail: str = "all") -> tuple[Store, MergedLogs]:
    store = Store(Memory(), lambda: 1, lambda: "x")
    for task in tasks:
        await store.update(lambda tx, task=task: tx.put(task))  # type: ignore[misc]
    query = {"tail": tail, "stdout": "1", "timestamps": "1"}
    found = MergedLogs(
        store, engine, query, lambda view: sorted(view.tasks.values(), key=lambda one: one.id),
        lambda view: bool(view.tasks), lambda: int(at(30) * 1e9),
    )  # fmt: skip
    return store, found


async def some(lines: AsyncIterator[Any], count: int) -> list[str]:
    """So many of them, within a generous time."""
    texts = []
    async with asyncio.timeout(20):
        async for line in lines:
            texts.append(line.text.decode().strip())
            if len(texts) == count:
                break
    await lines.aclose()  # type: ignore[attr-defined]
    return texts


async def test_lines_of_one_instant_are_neither_lost_nor_given_twice() -> None:
    engine = Logs()
    engine.said["c-a"] = [(1, "one"), (2, "two"), (2, "three")]
    _, logs = await reading(engine, a_task("a", TaskState.RUNNING))
    assert [line.text.decode().strip() async for line in logs.past()] == ["one", "two", "three"]
    engine.said["c-a"] += [(2, "four"), (3, "five")]
    assert await some(logs.coming(), 2) == ["four", "five"]


async def test_a_stream_that_breaks_off_is_taken_up_where_it_was() -> None:
    engine = Logs()
    engine.said["c-a"] = [(second, str(second)) for second in range(9)]
    engine.cuts = 4
    _, logs = await reading(engine, a_task("a", TaskState.RUNNING))
    assert await some(logs.coming(), 9) == [str(second) for second in range(9)]


async def test_the_end_of_an_ended_container_is_read_once_more() -> None:
    engine = Logs()
    engine.said["c-a"] = [(1, "one")]
    task = a_task("a", TaskState.RUNNING)
    store, logs = await reading(engine, task)
    coming = logs.coming()
    async with asyncio.timeout(20):
        first = await anext(coming)
        engine.said["c-a"].append((2, "last words"))
        ended = replace(task, status=replace(task.status, state=TaskState.FAILED))
        await store.update(lambda tx: tx.put(ended))
        second = await anext(coming)
    assert (first.text, second.text) == (b"one\n", b"last words\n")
    await coming.aclose()  # type: ignore[attr-defined]


async def test_what_comes_of_several_is_in_the_order_of_time() -> None:
    engine = Logs()
    engine.said["c-a"] = [(2, "two"), (4, "four")]
    engine.said["c-b"] = [(1, "one"), (3, "three")]
    tasks = (a_task("a", TaskState.RUNNING), a_task("b", TaskState.RUNNING))
    _, logs = await reading(engine, *tasks)
    assert await some(logs.coming(), 4) == ["one", "two", "three", "four"]


async def test_what_is_written_while_the_past_is_read_belongs_to_what_comes() -> None:
    engine = Logs()
    engine.said["c-a"] = [(1, "one"), (31, "three")]
    engine.said["c-b"] = [(2, "two"), (32, "four")]
    tasks = (a_task("a", TaskState.RUNNING), a_task("b", TaskState.RUNNING))
    _, logs = await reading(engine, *tasks)
    assert [line.text async for line in logs.past(goes_on=True)] == [b"one\n", b"two\n"]
    assert await some(logs.coming(), 2) == ["three", "four"]


async def test_a_tail_of_none_passes_over_the_past_alone() -> None:
    engine = Logs()
    engine.said["c-a"] = [(1, "past")]
    store, logs = await reading(engine, a_task("a", TaskState.RUNNING), tail="0")
    assert [line async for line in logs.past()] == []
    engine.said["c-a"].append((31, "new"))
    engine.said["c-b"] = [(29, "of another")]
    await store.update(lambda tx: tx.put(a_task("b", TaskState.RUNNING)))
    assert await some(logs.coming(), 2) == ["of another", "new"]
