"""Waiting for the first of several things, and for longer and longer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0


async def first(*works: Coroutine[Any, Any, Any]) -> tuple[int, Any]:
    """Run all until one ends; its place and its result. The others are cancelled, and have ended."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        place = next(number for number, task in enumerate(tasks) if task.done())
        return place, tasks[place].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def delays() -> Iterator[float]:
    """Seconds to wait before each new try."""
    delay = FIRST_DELAY_S
    while True:
        yield delay
        delay = min(delay * 2, LONGEST_DELAY_S)
