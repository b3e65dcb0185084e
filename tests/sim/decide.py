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

PLANS_AT_ONCE = 3


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
        """A plan is final, but where it moved the update to another state: that may lead to one more."""
        ids = (f"new{number}" for number in itertools.count())
        tx = Tx(view, now, lambda: next(ids))
        told = []
        for _ in range(PLANS_AT_ONCE):
            told.append(_told(plan))
            apply(plan, tx)
            moved = plan.service is not None
            plan = core.reconcile(tx.view, service_id, now)
            if plan.empty:
                return
            if not moved:
                break
        self._fail(
            "a plan that was applied and is asked for again is empty", " THEN ".join([*told, _told(plan)])
        )

    def _fail(self, words: str, seen: str) -> None:
        self.failure = self.failure or Violation(words, seen)


def _told(plan: Plan) -> str:
    tasks = [f"{task.name} {task.status.state.word}/{task.desired.word}" for task in plan.tasks]
    gone = [f"{task.name} deleted" for task in plan.deleted]
    gone += [f"{former.id} of {former.task_id} until {former.until}" for former in plan.formers]
    gone += [f"{former.id} of {former.task_id} forgotten" for former in plan.forgotten]
    return f"{plan.note.text}: {tasks + gone}" + (" and the service" if plan.service is not None else "")
