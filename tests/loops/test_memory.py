"""Memory is given back after the start, and when something was committed; else nothing is done."""

from __future__ import annotations

import asyncio

from skerry.loops.memory import MemoryLoop
from skerry.model.objects import Node
from tests.sim.loop import SECOND, VirtualLoop
from tests.support.memory import memory_store


def test_memory_is_given_back_once_after_the_start_and_after_commits() -> None:
    loop = VirtualLoop()
    given: list[int] = []

    async def story() -> None:
        store = memory_store()
        running = asyncio.create_task(MemoryLoop(store, lambda: given.append(loop.now // SECOND)).run())
        await asyncio.sleep(150)
        for _ in range(2):
            await store.update(lambda tx: tx.put(Node("n", "vm", {})))
        await asyncio.sleep(300)
        await store.update(lambda tx: tx.put(Node("n", "vm", {})))
        await asyncio.sleep(300)
        running.cancel()

    loop.run_until_complete(story())
    loop.close()
    assert given == [60, 180, 480]
