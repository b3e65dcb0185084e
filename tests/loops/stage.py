"""What loops act on, recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from skerry.model.traffic import PortReservations, Traffic

BOUND_S = 15.0


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, bounded."""
    async with asyncio.timeout(BOUND_S):
        while not condition():
            await asyncio.sleep(0.001)


class FakeSwitch:
    """Applies at once, unless told to fail; remembers what it got."""

    def __init__(self) -> None:
        self.applied: list[Traffic] = []
        self.failures = 0
        self.lasts_s = 0.0
        self.begun = 0
        self.restored = 0
        self.callback: Callable[[PortReservations], None] = lambda _: None

    async def apply(self, traffic: Traffic) -> PortReservations:
        """Take a value over."""
        self.begun += 1
        await asyncio.sleep(self.lasts_s)
        if self.failures:
            self.failures -= 1
            raise OSError("nft said no")
        self.applied.append(traffic)
        return PortReservations(frozenset(port.key for port in traffic.ports))

    async def restore(self) -> None:
        """Nothing was flushed."""
        self.restored += 1

    def on_reservations(self, callback: Callable[[PortReservations], None]) -> None:
        """Whom to tell of later changes."""
        self.callback = callback


async def with_loop(run: Callable[[], Awaitable[None]], body: Awaitable[None]) -> None:
    """Run a loop beside the test's own body."""
    task = asyncio.ensure_future(run())
    try:
        await body
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
