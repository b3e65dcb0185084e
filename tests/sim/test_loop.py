"""Virtual time: exact, at once, and never stuck unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.sim.loop import SECOND, Standstill, VirtualLoop


def run(work: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> int:
    """Run it on a loop of its own; the instant at which it ended."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(work(loop))
        return loop.now
    finally:
        loop.close()


def test_an_hour_passes_at_once() -> None:
    async def work(loop: VirtualLoop) -> None:
        await asyncio.sleep(3600)
        assert loop.time() == 3600

    assert run(work) == 3600 * SECOND


def test_timers_come_in_their_order_at_their_instants() -> None:
    seen = []

    async def work(loop: VirtualLoop) -> None:
        async def one(after: float) -> None:
            await asyncio.sleep(after)
            seen.append(loop.now)

        await asyncio.gather(one(0.3), one(0.1), one(0.2))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await asyncio.Event().wait()

    assert run(work) == 800_000_000
    assert seen == [100_000_000, 200_000_000, 300_000_000]


def test_threads_are_calls_that_happen_at_once() -> None:
    async def work(loop: VirtualLoop) -> None:
        assert await asyncio.to_thread(lambda: loop.now) == 0
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)

    assert run(work) == 0


def test_waiting_for_what_cannot_come_is_told() -> None:
    async def work(loop: VirtualLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Standstill):
        run(work)
