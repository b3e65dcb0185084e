"""How things go: how long the engine and the kernel take, what fails, what containers do.

Three kinds: `stormy` (random durations, faults), `calm` (random durations, nothing fails any more) and
`still` (every duration has one value, so instants can be told in advance).
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass, field

STORMY, CALM, STILL = "stormy", "calm", "still"

DURATIONS = {
    "look": (0.001, 0.01, 0.0),
    "create": (0.02, 0.3, 0.1),
    "start": (0.05, 0.6, 0.3),
    "stop": (0.0, 0.4, 0.5),
    "remove": (0.01, 0.1, 0.0),
    "pull": (0.2, 15.0, 2.0),
    "network": (0.05, 0.3, 0.0),
    "probe": (0.01, 0.2, 0.05),
    "apply": (0.002, 0.05, 0.01),
    "drain": (0.0, 2.0, 0.2),
    "ready": (0.0, 4.0, 1.0),
    "work": (0.5, 20.0, 3.0),
}
"""Seconds: at least, at most, and when still."""


@dataclass
class Habit:
    """What one start of a container will do. Seconds since its start."""

    ready_s: float = 0.0
    """Its health check passes from then on (inf: never)."""
    sick: tuple[float, float] = (math.inf, math.inf)
    """But for this time."""
    ends_s: float = math.inf
    code: int = 0
    stop_s: float = 0.0
    """How long it takes to end when it is told to (inf: it does not listen)."""


@dataclass
class Weather:
    """Asked at each operation."""

    chance: random.Random
    kind: str = STORMY
    plans: deque[Habit] = field(default_factory=deque)
    """What the next containers do that start, where a test wants to know."""

    def lasts(self, what: str) -> float:
        """Seconds that something takes."""
        low, high, still = DURATIONS[what]
        if self.kind == STILL:
            return still
        return low + (high - low) * self.chance.random() ** 3

    def strikes(self, probability: float) -> bool:
        """Whether a fault of this probability happens now."""
        return self.kind == STORMY and self.chance.random() < probability

    def habit(self, job: bool = False) -> Habit:
        """What a container that starts now will do; a job's ends by itself."""
        if self.plans:
            return self.plans.popleft()
        habit = Habit(ready_s=self.lasts("ready"), stop_s=self.lasts("stop"))
        if job:
            habit.ends_s = habit.ready_s + self.lasts("work")
        if self.kind != STORMY:
            return habit
        roll = self.chance.random()
        if roll < 0.12:
            habit.ends_s = self.chance.choice([0.0, 0.1, 1.0, 4.0, 10.0, 60.0]) * self.chance.random()
            habit.code = self.chance.choice([0, 1, 1, 137])
        elif roll < 0.18:
            habit.ready_s = math.inf
        elif roll < 0.24:
            start = self.chance.uniform(0, 40)
            habit.sick = (start, start + self.chance.uniform(1, 60))
        if self.chance.random() < 0.1:
            habit.stop_s = math.inf
        return habit
