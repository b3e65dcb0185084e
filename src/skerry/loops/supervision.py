"""Eternal loops: one that fails is started again, and what is wrong with it stands in the status meanwhile.

A disk that is full, an engine that is away, a kernel that refuses: these pass, and the loop comes back by
itself. A broken invariant does not: it ends the process, which begins anew from what is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, NoReturn

import structlog

from skerry.model.conditions import Conditions
from skerry.model.errors import InvariantBroken, SkerryError

log = structlog.get_logger()

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
CLEARED_S = 1.0
"""A loop that has run so long again is not said to be wrong any more."""
WELL_S = 60.0
"""One that has run so long begins with the short pauses again when it fails."""

Loop = Callable[[], Coroutine[Any, Any, None]]


async def run_all(loops: Mapping[str, Loop], conditions: Conditions) -> NoReturn:
    """Run all for ever, each started again whenever it fails. So a loop must be able to begin in the middle:
    what it holds is made anew by its start, or is still true.

    Raises InvariantBroken where a loop meets what must never be. Cancelling this is the orderly way out.
    """
    tasks = {asyncio.create_task(_keep(name, loop, conditions), name=name) for name, loop in loops.items()}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = done.pop()
        raise InvariantBroken(
            f"the {ended.get_name()} loop met what must never be, and skerry begins anew"
        ) from ended.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(name: str, loop: Loop, conditions: Conditions) -> NoReturn:
    """Run one loop; again after a pause whenever it fails."""
    now = asyncio.get_running_loop().time
    key = f"{name} loop"
    pauses, last = growing_pauses(), ""
    while True:
        began = now()
        clearing = asyncio.get_running_loop().call_later(CLEARED_S, conditions.clear, key)
        try:
            failure = await _failure(loop)
        finally:
            clearing.cancel()
        if broken(failure):
            log.error("an invariant is broken", loop=name, exc_info=failure)
            raise failure
        if now() - began >= WELL_S:
            pauses, last = growing_pauses(), ""
        pause, words = next(pauses), in_words(failure)
        trace = failure if words != last and not from_outside(failure) else None
        log.warning("a loop failed", loop=name, why=words, again_in_s=pause, exc_info=trace)
        last = words
        conditions.set(key, f"{words}; trying again in {pause:g} s")
        await asyncio.sleep(pause)


async def _failure(loop: Loop) -> Exception:
    """Why a loop ended; it is no end that somebody in it was cancelled, unless we are."""
    running = asyncio.current_task()
    assert running is not None
    try:
        await loop()
    except Exception as failure:  # noqa: BLE001 - the edge of the loops: whatever it is, they go on
        return failure
    except asyncio.CancelledError:
        if running.cancelling():
            raise
        return RuntimeError("something that it waited for was cancelled")
    return RuntimeError("it came to an end")


def growing_pauses() -> Iterator[float]:
    """Seconds to wait before each new try."""
    pause = FIRST_PAUSE_S
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_PAUSE_S)


def broken(failure: BaseException) -> bool:
    """Whether a failure means that what must never be is so."""
    return any(isinstance(leaf, AssertionError | InvariantBroken) for leaf in _leaves(failure))


def from_outside(failure: BaseException) -> bool:
    """Whether it is an error of disk, engine or kernel: its words say all, and no traceback is needed."""
    return all(isinstance(leaf, SkerryError | OSError) for leaf in _leaves(failure))


def in_words(failure: BaseException) -> str:
    """A failure in a line; of a group, each thing that is in it once."""
    words = {
        str(leaf) if isinstance(leaf, SkerryError | OSError) and str(leaf) else repr(leaf): None
        for leaf in _leaves(failure)
    }
    return "; ".join(words).replace("\n", " ")


def _leaves(failure: BaseException) -> Iterator[BaseException]:
    if isinstance(failure, BaseExceptionGroup):
        for part in failure.exceptions:
            yield from _leaves(part)
    else:
        yield failure
