"""An event loop on which time is a number: it moves to the next timer at once and never waits.

Nothing comes from outside: no sockets, no threads (`run_in_executor` runs its function in the next turn:
whoever waits for a thread lets others go on), so one program on it does the same thing in the same order
every time.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable
from typing import Any

SECOND = 1_000_000_000


class Standstill(Exception):
    """Everything waits for something that cannot come."""


class _Selector(selectors.SelectSelector):
    """Where a real loop would sleep, the clock moves instead."""

    def __init__(self, pass_time: Callable[[float | None], None]) -> None:
        super().__init__()
        self._pass_time = pass_time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._pass_time(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`now` is nanoseconds since the start; `each_turn` is called after every turn, when nothing runs."""

    def __init__(self) -> None:
        super().__init__(_Selector(self._pass_time))
        self.now = 0
        self.turns = 0
        self.each_turn: Callable[[], None] = lambda: None

    def time(self) -> float:
        return self.now / SECOND

    def pass_time(self, ns: int) -> None:
        """Something took time in the midst of a turn."""
        self.now += ns

    def _pass_time(self, timeout: float | None) -> None:
        self.turns += 1
        self.each_turn()
        if timeout is None:
            raise Standstill
        self.now += math.ceil(timeout * SECOND)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        done = self.create_future()

        def work() -> None:
            try:
                result, error = func(*args), None
            except Exception as failure:  # noqa: BLE001 - whoever awaits it gets it
                result, error = None, failure
            if done.done():  # given up meanwhile; a thread runs to its end all the same
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        self.call_soon(work)
        return done
