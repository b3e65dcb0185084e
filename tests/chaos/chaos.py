"""The chaos: sudden faults, lasting ones, updates and clients at the same time; then what is left of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from demo.patience import PATIENCE
from harness.world import wait_until
from skerry.cli.client import Refused, Unreachable
from tests.cases.faults.fault import Fault, Span
from tests.cases.faults.load import Request
from tests.cases.faults.run import converged
from tests.cases.faults.stage import START_S, Stage
from tests.chaos.story import Story
from tests.chaos.strays import everything, remembered, sockets, surplus
from tests.chaos.updates import Updates
from tests.crash.picture import differences

HELD_S = 300.0
"""So long a connection waits while nothing is ready: faults come quicker than what they broke comes back."""
SETTLED_S = 60.0
LOOK_S = 0.5
LOG_BYTES = 30_000
NETWORK = "rules"
CHANGING = (OSError, Unreachable, Refused, AssertionError)
"""What comes of looking at something that goes meanwhile."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """How it went."""

    faults: int
    updates: int
    requests: int
    failed: int
    unexplained: tuple[str, ...]
    lost: tuple[str, ...]
    strays: tuple[str, ...]
    logs: str

    @property
    def line(self) -> str:
        """In a line."""
        explained = self.failed - len(self.unexplained)
        counts = f"requests={self.requests} failed={self.failed} explained={explained}"
        return f"chaos: faults={self.faults} updates={self.updates} {counts} strays={len(self.strays)}"

    @property
    def wrong(self) -> list[str]:
        """What is not as it should be, in words."""
        return [*self.lost, *self.strays, *self.unexplained]

    @property
    def good(self) -> bool:
        """Whether all is as it should be, and something was done."""
        return bool(self.faults and self.updates and self.requests) and not self.wrong


class Chaos:
    """One stage, from what it is at rest to what it is when all is over."""

    def __init__(self, stage: Stage, story: Story, tell: Tell) -> None:
        self._stage = stage
        self._story = story
        self._tell = tell
        self._updates = Updates(stage)
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._done = 0

    def play(self, seconds: float) -> Result:
        """All of it."""
        why = self._at_rest()
        assert not why, why
        wanted, open_before = self._settled(), sockets(self._stage)
        self._began = time.monotonic()
        with ThreadPoolExecutor(3) as pool:
            works = [pool.submit(self._updates.go_on, self._stop)]
            works += [pool.submit(self._do, span) for span in (Span.SUDDEN, Span.LASTING)]
            try:
                self._stop.wait(seconds)
            finally:
                self._stop.set()
            for work in works:
                work.result()
        self._tell(f"{self._now:.0f} s: the last fault is over")
        lost, strays = self._left(wanted)
        strays += tuple(surplus(open_before, sockets(self._stage)))
        requests = self._stage.load.since(self._began)
        failed = [one for one in requests if one.outcome == "failed"]
        others = tuple(self._told(one) for one in failed if not self._stage.explains(one))
        counts = (self._done, self._updates.count, len(requests), len(failed))
        return Result(*counts, others, lost, strays, self._stage.world.logs()[-LOG_BYTES:])

    @property
    def _now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def _do(self, span: Span) -> None:
        """The faults of a span, one after another."""
        for pause, fault in self._story.of(span):
            if self._stop.wait(pause):
                return
            self._do_one(fault)

    def _do_one(self, fault: Fault) -> None:
        """One that can't be done at this moment, as another one has taken away what it needs, is none."""
        began, why = self._now, ""
        try:
            fault.act(self._stage)
        except Exception as error:  # noqa: BLE001 - told; whether all comes back is seen in the end
            why = f", not done: {type(error).__name__}: {' '.join(str(error).split())[-200:]}"
        else:
            self._done += 1
        self._tell(f"{began:.1f} to {self._now:.1f} s: {fault.name}{why}")

    def _left(self, wanted: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is missing, and what is there and should not be, once it had the time to come back."""
        if why := converged(self._stage):
            return (why,), ()
        lost = self._updates.lost()
        if why := self._at_rest():
            return (*lost, why), ()
        found = differences(wanted, self._settled(wanted))
        lost += [line for line in found if line.startswith("missing")]
        return tuple(lost), tuple(line for line in found if not line.startswith("missing"))

    def _at_rest(self) -> str:
        """Have the engine make its rules anew, and the services as they were; why that can't be."""
        _renew_rules(self._stage)
        self._updates.reset()
        deadline = time.monotonic() + PATIENCE * SETTLED_S
        while why := self._updates.unfinished():
            if time.monotonic() > deadline:
                return why
            time.sleep(LOOK_S)
            self._updates.reset_paused()
        return converged(self._stage)

    def _settled(self, wanted: Iterable[str] = ()) -> list[str]:
        """All there is, once no former address is remembered: as wanted, or, where nothing is wanted, twice
        the same."""
        last: list[str] = []
        deadline = time.monotonic() + PATIENCE * SETTLED_S
        while True:
            with contextlib.suppress(*CHANGING):
                now = everything(self._stage)
                if not remembered(now) and not differences(wanted or last, now):
                    return now
                last = now
            if time.monotonic() > deadline:
                return last
            time.sleep(LOOK_S)

    def _told(self, request: Request) -> str:
        """A request that failed without a reason."""
        began, ended = request.start - self._began, request.end - self._began
        places = ", ".join(sorted(self._stage.ways.of(request.client, request.start, request.end)))
        led = f"led to {places or 'nobody'}"
        return f"failed: {request.kind} from {began:.1f} to {ended:.1f} s, {led}: {request.text}"


def _renew_rules(stage: Stage) -> None:
    """Have the engine write all its rules. One that starts beside containers that it kept (live-restore)
    makes the chain of its users, DOCKER-USER, only with the next network."""
    stage.restart_engine()
    wait_until(lambda: _makes_network(stage), "the engine makes a network", START_S)
    stage.engine("network", "rm", NETWORK)


def _makes_network(stage: Stage) -> bool:
    stage.engine("network", "rm", NETWORK, check=False)
    with contextlib.suppress(AssertionError):
        stage.engine("network", "create", NETWORK)
        return True
    return False


def chaos(seconds: float, story: Story, tell: Tell) -> Result:
    """Play it on a stage of its own."""
    with Stage(HELD_S) as stage:
        return Chaos(stage, story, tell).play(seconds)
