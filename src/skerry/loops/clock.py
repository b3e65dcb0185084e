"""The daemon's clock never steps, whatever is done to the machine's.

A board without a battery boots in the past, a virtual machine wakes up hours later, an administrator sets the
date: a restart's delay, an update's monitor and its deadline must last as long as they should all the same.
So the daemon counts from the time at its start, and when the machine's clock was set, all recorded instants
and the daemon's own clock move along in one transaction. A clock that is disciplined runs a little faster or
slower: that is followed, since clients ask for events by the machine's time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from skerry.core.shift import latest, shifted
from skerry.model.defaults import SECOND
from skerry.store.store import Store, Tx

log = structlog.get_logger()

LOOK_S = 10.0
TOLERATED = SECOND
"""Less than this is no step: clocks are disciplined all the time."""


def _boot_time() -> int:
    """Nanoseconds since the boot, those that the machine slept through included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class SteadyClock:
    """Wall-clock nanoseconds as of the start, and steady from there on."""

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = _boot_time
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._base = wall() - steady()
        self._last = 0

    def __call__(self) -> int:
        """Now."""
        self._last = max(self._last, self._base + self._steady())
        return self._last

    def step(self) -> int:
        """How far the machine's clock is ahead of this one (ns)."""
        return self._wall() - (self._base + self._steady())

    def move(self, by: int) -> None:
        """Go along with the machine's clock, which was set."""
        self._base += by
        self._last = 0

    def follow(self, by: int) -> None:
        """Go along with the machine's clock, which runs a little faster or slower; never backwards."""
        self._base += by


async def settle(store: Store, clock: SteadyClock) -> None:
    """At the start: nothing was ever written in the future, so if it seems so, the clock was set back."""
    ahead = latest(store.view) - clock()
    if ahead > TOLERATED:
        log.warning("the clock was set back while skerry was away", by_s=ahead / SECOND)
        await store.update(lambda tx: _shift(tx, -ahead))


class ClockLoop:
    """Looks now and then whether the machine's clock was set."""

    def __init__(self, store: Store, clock: SteadyClock, look_s: float = LOOK_S) -> None:
        self._store = store
        self._clock = clock
        self._look_s = look_s

    async def run(self) -> None:
        """Follow the machine's clock for ever."""
        while True:
            await asyncio.sleep(self._look_s)
            by = self._clock.step()
            if abs(by) > TOLERATED:
                log.warning("the machine's clock was set", by_s=by / SECOND)
                await self._follow(by)
            else:
                self._clock.follow(by)

    async def _follow(self, by: int) -> None:
        def write(tx: Tx) -> None:
            tx.now += by
            _shift(tx, by)
            self._clock.move(by)  # in the transaction: nobody may see the one without the other

        try:
            await self._store.update(write)
        except BaseException:
            self._clock.move(-by)
            raise


def _shift(tx: Tx, by: int) -> None:
    for obj in shifted(tx.view, by, tx.now):
        tx.put(obj)
