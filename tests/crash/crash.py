"""A life without a crash, which says how many points each step has; then lives in which each step has one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from demo.patience import PATIENCE
from skerry.cli.client import Refused, Unreachable
from tests.crash.life import Client, Step, life
from tests.crash.picture import differences, has_ended, picture
from tests.crash.stage import Stage

CONVERGED_S = 60.0
ASKED_AGAIN = 20
"""So often a call is made, at most: skerryd ends at two points of one, and an update of a service may be
refused since its state was written in between."""
UNDER_WAY = ("updating", "rollback_started")


@dataclass(frozen=True)
class Reference:
    """What there is after a step where nothing crashed, and the points that were passed until then."""

    step: Step
    lines: Sequence[str]
    points: int


@dataclass
class Tally:
    """What came out: points at which skerryd ended, what was lost, and what was left over."""

    points: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    residue: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """In a line."""
        return f"crash: points={len(self.points)} lost={len(self.lost)} residue={len(self.residue)}"

    @property
    def good(self) -> bool:
        """Whether it is as it should be."""
        return bool(self.points) and not self.lost and not self.residue


def live(stage: Stage) -> list[Reference]:
    """A life without a crash. Its pictures are taken when nothing changes any more."""
    references = []
    for step in life():
        stage.counter.set()
        wrong = _call(stage, step)
        assert not wrong, f"{step.name}: {wrong}"
        lines = _settled(stage, step)
        references.append(Reference(step, lines, stage.counter.passed))
    assert not stage.crashes, f"skerryd ended: {stage.crashes}"
    return references


def die(stage: Stage, references: Iterable[Reference], points: Iterable[int], tally: Tally) -> None:
    """A life in which skerryd ends at one point of each step, 0 for none; where that is an even one, again
    while it starts."""
    for reference, point in zip(references, points, strict=True):
        before = len(stage.crashes)
        stage.again = 0 if point % 2 else 1 + point // 2
        stage.counter.set(point)
        wrong = [*_call(stage, reference.step), *_compared(stage, reference)]
        stage.again = 0
        crashes = stage.crashes[before:]
        tally.points += [f"{reference.step.name}: {crash}" for crash in crashes]
        where = f"{reference.step.name}, after the end at {crashes or 'no point'}"
        tally.lost += [f"{where}: {one}" for one in wrong if not one.startswith("too much")]
        tally.residue += [f"{where}: {one}" for one in wrong if one.startswith("too much")]
        if tally.lost or tally.residue:
            return  # all that comes after would differ, too


def _call(stage: Stage, step: Step) -> list[str]:
    """Make the call until it was answered with success, or can be seen to have been made. What is wrong: it
    was answered so and is not there, or it is refused, or never answered."""
    for _ in range(ASKED_AGAIN):
        try:
            step.act(stage.api)
        except Unreachable:
            if _done(stage, step):
                return []
        except Refused as refused:
            if _done(stage, step):
                return []
            if "out of sequence" not in str(refused):
                return [f"asked again, it is refused: {refused}"]
        else:
            return [] if _done(stage, step) else ["answered with success, and not there"]
    return ["it was never answered"]


def _done(stage: Stage, step: Step) -> bool:
    for _ in range(ASKED_AGAIN):
        try:
            return step.done(stage.api)
        except Unreachable:
            continue
    return False


def _settled(stage: Stage, step: Step) -> list[str]:
    """The picture, once all is as it shall be, the port's answer too, and two that were taken one after the
    other are the same, with no point passed between."""
    answered = {f"answer: {step.answer}"} if step.answer else set()
    last: tuple[int, list[str]] = (-1, [])
    for lines in _pictures(stage, step):
        now = (stage.counter.passed, lines)
        if now == last and answered <= set(lines) and _at_rest(stage.api):
            return lines
        last = now
    raise AssertionError(f"{step.name}: it does not come to rest")


def _at_rest(api: Client) -> bool:
    """Whether no update is under way, and every task that shall run does."""
    tasks = [task for task in api.get("/tasks") if not has_ended(task)]
    services = api.get("/services?status=true")
    return (
        all(task["Status"]["State"] == task["DesiredState"] == "running" for task in tasks)
        and all(
            one["ServiceStatus"]["DesiredTasks"] == one["ServiceStatus"]["RunningTasks"] for one in services
        )
        and not any(one.get("UpdateStatus", {}).get("State") in UNDER_WAY for one in services)
    )


def _compared(stage: Stage, reference: Reference) -> list[str]:
    """What is other than without a crash, once it has had the time to become the same."""
    found: list[str] = []
    for now in _pictures(stage, reference.step):
        found = differences(reference.lines, now)
        if not found:
            break
    return found


def _pictures(stage: Stage, step: Step) -> Iterator[list[str]]:
    """One after another. What is there and is taken away while it is looked at makes no picture."""
    deadline = time.monotonic() + PATIENCE * CONVERGED_S
    while time.monotonic() < deadline:
        try:
            yield picture(stage.world, stage.api, asking=bool(step.answer))
        except (Unreachable, Refused, OSError, AssertionError):
            time.sleep(0.05)
