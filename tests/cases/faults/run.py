"""One fault after another on one stage, and what the clients noticed."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass

from demo.patience import PATIENCE
from tests.cases.faults.fault import Fault
from tests.cases.faults.load import Request
from tests.cases.faults.stage import CONVERGED_S, WELL_S, Stage

LOOK_S = 0.5


@dataclass(frozen=True)
class Result:
    """How a fault went: `why` says what was not as it should be, empty where it was survived."""

    fault: Fault
    why: str
    requests: int
    failed: tuple[Request, ...]
    explained: tuple[Request, ...]
    took_s: float
    slowest_ms: float = 0.0

    @property
    def survived(self) -> bool:
        """Whether all came back by itself."""
        return not self.why

    @property
    def good(self) -> bool:
        """Whether it was survived, and no request failed but in what it took away."""
        return self.survived and len(self.failed) == len(self.explained)

    @property
    def line(self) -> str:
        """In a line; the failures that nothing explains below it."""
        how = "survived" if self.survived else f"NOT SURVIVED: {self.why}"
        counts = f"requests={self.requests} failed={len(self.failed)} explained={len(self.explained)}"
        counts += f", slowest {self.slowest_ms:.0f} ms"
        others = [
            f"    {one.kind}: {one.text}, after {one.took_ms:.0f} ms"
            for one in self.failed
            if one not in self.explained
        ]
        return "\n".join([f"{self.fault.name}: {how}, {self.took_s:.0f} s, {counts}", *others[:5]])


def play(stage: Stage, fault: Fault) -> Result:
    """Do it, and wait until everything is as it was."""
    began, why = time.monotonic(), ""
    try:
        fault.act(stage)
    except Exception as error:  # noqa: BLE001 - one that breaks is told, and the rest goes on
        why = f"{type(error).__name__}: {str(error).strip().splitlines()[-1:]}"
        traceback.print_exc()
    why = why or converged(stage)
    requests = stage.load.since(began)
    failed = tuple(one for one in requests if one.outcome == "failed")
    explained = tuple(one for one in failed if stage.explains(one))
    slowest = max((one.took_ms for one in requests), default=0.0)
    return Result(fault, why, len(requests), failed, explained, time.monotonic() - began, slowest)


def converged(stage: Stage) -> str:
    """Wait until nothing is wrong, nor has been for a while, no longer than CONVERGED_S of a machine at rest;
    what still is after all the time, in words."""
    deadline = time.monotonic() + PATIENCE * CONVERGED_S
    time.sleep(WELL_S)
    while wrong := _wrong(stage):
        if time.monotonic() > deadline:
            return f"after {PATIENCE * CONVERGED_S:.0f} s: {wrong}"
        time.sleep(LOOK_S)
    return ""


def _wrong(stage: Stage) -> str:
    try:
        return stage.wrong()
    except Exception as error:  # noqa: BLE001 - whatever does not answer is not well
        return f"{type(error).__name__}: {error}"


def summed(results: Iterable[Result]) -> tuple[str, bool]:
    """All in a line, and whether that is as it should be."""
    seen = list(results)
    survived = sum(one.survived for one in seen)
    requests = sum(one.requests for one in seen)
    failed = sum(len(one.failed) for one in seen)
    explained = sum(len(one.explained) for one in seen)
    counts = f"requests={requests} failed={failed} explained={explained}"
    line = f"faults: kinds={len(seen)} survived={survived} {counts}"
    return line, bool(seen) and all(one.good for one in seen)
