"""One stream of the engine's events for all who follow containers and networks.

The agent, the names of plain containers, their addresses and the bridges each listen all the time. A stream
of its own for each would have the engine write, and us read, every event four times.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from skerry.model.objects import Raw

Filters = Mapping[str, Sequence[str]]
Open = Callable[[Filters], AbstractAsyncContextManager[AsyncIterator[Raw]]]

SHARED: Filters = {
    "type": ["container", "network"],
    "event": [
        "start", "die", "oom", "destroy", "rename", "pause", "unpause", "connect", "disconnect",
    ],
}  # fmt: skip
"""Whoever asks for a part of these shares the stream; another choice has one of its own."""

_END = object()


class SharedEvents:
    """Opens the stream when the first one subscribes, and closes it after the last. Where it ends or breaks,
    it does so for all, and whoever subscribes again opens another."""

    def __init__(self, open_stream: Open) -> None:
        """`open_stream` subscribes at the engine."""
        self._open = open_stream
        self._stream: _Stream | None = None

    @asynccontextmanager
    async def subscribed(self, filters: Filters) -> AsyncIterator[AsyncIterator[Raw]]:
        """The events that these filters choose, from now on. Raises what opening the stream does."""
        stream = self._stream
        if stream is None or stream.ended:
            stream = self._stream = _Stream(self._open)
        async with stream.subscribed(filters) as events:
            yield events


class _Stream:
    """One connection's events, and who gets them."""

    def __init__(self, open_stream: Open) -> None:
        self._queues: dict[asyncio.Queue[object], Filters] = {}
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read(open_stream), name="engine: events")

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self._reading.done() or not self._queues

    @asynccontextmanager
    async def subscribed(self, filters: Filters) -> AsyncIterator[AsyncIterator[Raw]]:
        queue: asyncio.Queue[object] = asyncio.Queue()
        self._queues[queue] = filters
        try:
            await asyncio.shield(self._opened)
            yield _taken(queue)
        finally:
            del self._queues[queue]
            if not self._queues:
                self._reading.cancel()
                await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, open_stream: Open) -> None:
        """Hand on what comes; at the end of the stream each subscriber is told, also of why."""
        end: object = _END
        try:
            async with open_stream(SHARED) as events:
                self._opened.set_result(None)
                async for event in events:
                    self._hand_on(event)
        except Exception as error:  # noqa: BLE001 - it is for those who read
            end = error
            if not self._opened.done():
                self._opened.set_exception(error)
                self._opened.exception()  # who waited may be gone
        finally:
            for queue in self._queues:
                queue.put_nowait(end)

    def _hand_on(self, event: Raw) -> None:
        for queue, filters in self._queues.items():
            if event["Type"] in filters["type"] and event["Action"] in filters["event"]:
                queue.put_nowait(event)


async def _taken(queue: asyncio.Queue[object]) -> AsyncIterator[Raw]:
    while (taken := await queue.get()) is not _END:
        if isinstance(taken, Exception):
            raise taken
        assert isinstance(taken, dict)
        yield taken


def are_shared(filters: Filters) -> bool:
    """Whether the shared stream has all that these filters choose."""
    return filters.keys() == SHARED.keys() and all(set(filters[key]) <= set(SHARED[key]) for key in filters)
