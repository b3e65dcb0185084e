"""The decision function that the simulated orchestrator asks: the core's own, held to its promises."""

from __future__ import annotations

import itertools
from dataclasses import replace

from skerry.core import reconcile as core
from skerry.core.plan import Plan
from skerry.core.view import View
from skerry.loops.orchestrator import apply
from skerry.store.store import Tx
from tests.sim.story import Violation
from tests.sim.weather import Weather


class Decider:
    """Counts decisions; asks each one again; now and then loses its wake-up, as a timer may be lost."""

    def __init__(self, weather: Weather) -> None:
        self.decisions = 0
        self.failure: Violation | None = None
        self._weather = weather

    def __call__(self, view: View, service_id: str, now: int) -> Plan:
        self.decisions += 1
        plan = core.reconcile(view, service_id, now)
        if self.decisions % 4 == 0 and core.reconcile(view, service_id, now) != plan:
            self._fail("a pass is deterministic", "asked twice about one view, it decided differently")
        if not plan.empty:
            self._ask_again(view, service_id, now, plan)
        return replace(plan, wake_at=None) if self._weather.strikes(0.02) else plan

    def _ask_again(self, view: View, service_id: str, now: int, plan: Plan) -> None:
        ids = (f"new{number}" for number in itertools.count())
        tx = Tx(view, now, lambda: next(ids))
        apply(plan, tx)
        again = core.reconcile(tx.view, service_id, now)
        if not again.empty:
            first = [f"{task.name} {task.status.state.word}/{task.desired.word}" for task in plan.tasks]
            second = [f"{task.name} {task.status.state.word}/{task.desired.word}" for task in again.tasks]
            self._fail(
                "a plan that was applied and is asked for again is empty",
                f"{plan.note}: {first} was followed by {again.note}: {second}"
                + (" and the service" if again.service else ""),
            )

    def _fail(self, words: str, seen: str) -> None:
        self.failure = self.failure or Violation(words, seen)
