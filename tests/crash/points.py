"""The points of a daemon: before and after each thing that it does outside of its memory.

These are a commit to the database, a request to the engine, a tool of the kernel's (`nft`), a message by
which netlink changes something, a word to the gate, the writing and removing of a task's files.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from tests.crash.counter import Counter

T = TypeVar("T")


def install(counter: Counter) -> None:
    """Have this process count. Before anything imports these functions by their names."""
    from skerry.linux import tools

    def tool(command: Any, *_: Any) -> str:
        return f"tool {' '.join(command[:3])}"

    _replace((tools, "run", _awaited(counter, tools.run, tool)))

    from skerry.agent.task_folders import TaskFolders
    from skerry.engine.http import Wire
    from skerry.linux.netlink import Netlink
    from skerry.network.gatelink import GateLink
    from skerry.store.sqlite import SqlitePersistence

    _replace(
        (SqlitePersistence, "write", _called(counter, SqlitePersistence.write, "commit")),
        (TaskFolders, "write", _called(counter, TaskFolders.write, "files written")),
        (TaskFolders, "remove", _called(counter, TaskFolders.remove, "files removed")),
        (Netlink, "do", _called(counter, Netlink.do, "netlink message")),
        (Netlink, "batch", _called(counter, Netlink.batch, "netlink messages")),
        (GateLink, "say", _awaited(counter, GateLink.say, lambda *_: "gate")),
        (Wire, "open", _opened(counter, Wire.open)),
    )


def _replace(*places: tuple[object, str, Callable[..., Any]]) -> None:
    for owner, name, counted in places:
        setattr(owner, name, counted)


def _called(counter: Counter, work: Callable[..., T], point: str) -> Callable[..., T]:
    @functools.wraps(work)
    def counted(*words: Any, **more: Any) -> T:
        counter.passes(f"before {point}")
        result = work(*words, **more)
        counter.passes(f"after {point}")
        return result

    return counted


def _awaited(
    counter: Counter, work: Callable[..., Awaitable[T]], point: Callable[..., str]
) -> Callable[..., Awaitable[T]]:
    @functools.wraps(work)
    async def counted(*words: Any, **more: Any) -> T:
        name = point(*words)
        counter.passes(f"before {name}")
        result = await work(*words, **more)
        counter.passes(f"after {name}")
        return result

    return counted


def _opened(counter: Counter, work: Callable[..., Any]) -> Callable[..., Any]:
    """A request to the engine that may change something: reads are asked again, whatever becomes of them."""

    @functools.wraps(work)
    @asynccontextmanager
    async def counted(wire: Any, method: str, url: Any, *words: Any, **more: Any) -> AsyncIterator[Any]:
        changing = method != "GET" and not url.path.endswith("/wait")
        if changing:
            counter.passes(f"before engine {method} {url.path}")
        async with work(wire, method, url, *words, **more) as response:
            if changing:
                counter.passes(f"after engine {method} {url.path}")
            yield response

    return counted
