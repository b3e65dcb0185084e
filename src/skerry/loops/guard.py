"""Eternal tasks: named, and none may end unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

log = structlog.get_logger()


async def run_all(loops: dict[str, Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Run all until one ends; then end the others and raise, so that the supervisor starts the daemon anew.

    Cancelling this is the orderly way out.
    """
    tasks = {asyncio.create_task(start(), name=name) for name, start in loops.items()}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            failure = task.exception()
            log.error("a loop ended", loop=task.get_name(), failure=repr(failure), exc_info=failure)
            raise RuntimeError(f"the {task.get_name()} loop ended") from failure
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
