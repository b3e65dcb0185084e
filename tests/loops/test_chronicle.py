"""Events are written down as commits come, and given to whoever follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from skerry.loops.chronicle import ChronicleLoop
from skerry.model.conditions import Conditions
from skerry.model.event import Event
from skerry.model.facts import Facts
from skerry.model.objects import UpdateStatus
from skerry.store.event_file import EventFile
from skerry.store.store import Store
from tests.core.world import FAILED, running
from tests.support.memory import Memory

BOUND_S = 20


@asynccontextmanager
async def chronicle(path: Path) -> AsyncIterator[tuple[Store, ChronicleLoop, Conditions]]:
    """A store and the loop that follows it."""
    ids = iter(map(str, range(1000)))
    conditions = Conditions()
    store = Store(Memory(), lambda: 7, lambda: next(ids))
    loop = ChronicleLoop(store, EventFile(path), lambda: 7, conditions)
    following = asyncio.create_task(loop.run())
    await asyncio.sleep(0)
    try:
        yield store, loop, conditions
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def next_of(queue: asyncio.Queue[Event | None]) -> Event:
    async with asyncio.timeout(BOUND_S):
        event = await queue.get()
    assert event is not None
    return event


async def test_what_happens_is_written_and_followed(tmp_path: Path) -> None:
    swarm = running(replicas=1)
    async with chronicle(tmp_path / "e") as (store, loop, conditions), loop.follow() as coming:
        await store.update(lambda tx: tx.put(swarm.service))
        assert (await next_of(coming)).text == "app was created: image app:1, 1 replicas"
        conditions.set("engine", "nobody answers")
        assert (await next_of(coming)).text == "engine: nobody answers"
        conditions.clear("engine")
        assert (await next_of(coming)).text == "engine: mended"
        assert [event.kind for event in await loop.past()] == ["service", "machine", "machine"]


async def test_an_update_that_was_turned_is_told_once_its_task_is_explained(tmp_path: Path) -> None:
    swarm = running(replicas=1)
    task = replace(swarm.live[0], status=replace(swarm.live[0].status, state=FAILED, exit_code=3))
    turned = UpdateStatus("paused", "update paused", 5, failed_task=task.id, turned="update paused")
    async with chronicle(tmp_path / "e") as (store, loop, _), loop.follow() as coming:
        await store.update(lambda tx: (tx.put(swarm.service), tx.put(task)))
        await next_of(coming)
        await store.update(lambda tx: tx.put(replace(swarm.service, update=turned)))
        await store.update(lambda tx: tx.put(replace(task, facts=Facts(at=1, log=("boom",)))))
        texts = {(await next_of(coming)).text for _ in range(2)}
    assert any(text.startswith("app: the update is paused: app.1: its program ended") for text in texts)
    assert all("boom" in text for text in texts)
