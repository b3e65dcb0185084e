"""Who is acting: every coroutine of a daemon carries the daemon's number and the part it belongs to.

A daemon that was killed is a number that is past: what still unwinds in its coroutines reaches nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, NamedTuple


class Who(NamedTuple):
    """A part (`orchestrator`, `agent`, `network`, `segments`, `control`) of the daemon of a number."""

    daemon: int
    part: str


NOBODY = Who(0, "")
SETTLING = "settle"
"""The part that looks at the machine's clock once, when a daemon starts."""
WHO: ContextVar[Who] = ContextVar("who", default=NOBODY)


def signed(
    who: Who, start: Callable[[], Coroutine[Any, Any, None]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """The same coroutine, and all that it starts, in the name of `who`."""

    async def run() -> None:
        WHO.set(who)
        await start()

    return run
