"""Several follow the engine, and one stream is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from skerry.engine.port import EngineUnreachable
from skerry.engine.shared_events import SHARED, Filters, SharedEvents, are_shared
from skerry.model.objects import Raw

ENDS = {"type": ["container"], "event": ["die", "destroy"]}


class Source:
    """What the engine would send, on one stream after the other."""

    def __init__(self) -> None:
        self.streams: list[asyncio.Queue[Raw | Exception | None]] = []
        self.closed = 0
        self.refusal: Exception | None = None

    @asynccontextmanager
    async def open(self, filters: Filters) -> AsyncIterator[AsyncIterator[Raw]]:
        assert filters is SHARED
        if self.refusal is not None:
            raise self.refusal
        self.streams.append(asyncio.Queue())
        try:
            yield self._events(self.streams[-1])
        finally:
            self.closed += 1

    async def _events(self, stream: asyncio.Queue[Raw | Exception | None]) -> AsyncIterator[Raw]:
        while (event := await stream.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event

    def send(self, kind: str, action: str) -> None:
        self.streams[-1].put_nowait({"Type": kind, "Action": action})


async def heard(events: AsyncIterator[Raw], count: int) -> list[str]:
    async with asyncio.timeout(20):
        return [str((await anext(events))["Action"]) for _ in range(count)]


async def test_each_gets_what_it_asked_for_from_one_stream() -> None:
    source = Source()
    shared = SharedEvents(source.open)
    async with shared.subscribed(SHARED) as everything, shared.subscribed(ENDS) as ends:
        for kind, action in (
            ("container", "start"),
            ("network", "destroy"),
            ("container", "die"),
            ("container", "destroy"),
        ):
            source.send(kind, action)
        assert await heard(everything, 4) == ["start", "destroy", "die", "destroy"]
        assert await heard(ends, 2) == ["die", "destroy"]
    assert (len(source.streams), source.closed) == (1, 1)


async def test_one_that_leaves_takes_nothing_from_the_others() -> None:
    source = Source()
    shared = SharedEvents(source.open)
    async with shared.subscribed(ENDS) as ends:
        async with shared.subscribed(SHARED):
            pass
        source.send("container", "die")
        assert await heard(ends, 1) == ["die"]
        assert source.closed == 0
    async with shared.subscribed(ENDS) as ends:
        source.send("container", "die")
        assert await heard(ends, 1) == ["die"]
    assert (len(source.streams), source.closed) == (2, 2)


@pytest.mark.parametrize("end", [None, EngineUnreachable("gone")], ids=["in order", "by a fault"])
async def test_the_stream_ends_for_all(end: Exception | None) -> None:
    source = Source()
    shared = SharedEvents(source.open)
    async with shared.subscribed(SHARED) as first, shared.subscribed(ENDS) as second:
        source.send("container", "die")
        source.streams[-1].put_nowait(end)
        for events in (first, second):
            assert await heard(events, 1) == ["die"]
            async with asyncio.timeout(20):
                with pytest.raises(StopAsyncIteration if end is None else EngineUnreachable):
                    await anext(events)
        async with shared.subscribed(ENDS) as third:
            source.send("container", "destroy")
            assert await heard(third, 1) == ["destroy"]
    assert (len(source.streams), source.closed) == (2, 2)


async def test_an_engine_that_is_not_there_is_told_to_each() -> None:
    source = Source()
    source.refusal = EngineUnreachable("not there")
    shared = SharedEvents(source.open)

    async def ask() -> str:
        with pytest.raises(EngineUnreachable, match="not there"):
            async with shared.subscribed(ENDS):
                pass
        return "told"

    async with asyncio.timeout(20):
        assert [*await asyncio.gather(ask(), ask(), ask())] == ["told"] * 3
    source.refusal = None
    async with shared.subscribed(ENDS) as ends:
        source.send("container", "die")
        assert await heard(ends, 1) == ["die"]


async def test_who_gives_up_while_it_opens_leaves_nothing_behind() -> None:
    source = Source()
    at_the_door = asyncio.Event()

    @asynccontextmanager
    async def slowly(filters: Filters) -> AsyncIterator[AsyncIterator[Raw]]:
        at_the_door.set()
        await asyncio.Event().wait()
        yield source._events(asyncio.Queue())

    shared = SharedEvents(slowly)

    async def ask() -> None:
        async with shared.subscribed(ENDS):
            pass

    asking = asyncio.create_task(ask())
    async with asyncio.timeout(20):
        await at_the_door.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert [task for task in others if task.get_name() == "engine: events"] == []


def test_who_shares() -> None:
    assert are_shared(ENDS)
    assert not are_shared({"type": ["plugin"]})
    assert not are_shared({"type": ["container"], "event": ["exec_die"]})
    assert not are_shared({**ENDS, "label": ["a"]})
