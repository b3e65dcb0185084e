"""Services that are updated all the time, and what of it was acknowledged."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.cases.faults.disks import MARK
from tests.cases.faults.stage import REPLICAS, Stage

EVERY_S = 4.4
VARIABLE = "NUMBER"
FIRST, AGAIN = "0", "again"
UNDER_WAY = ("updating", "rollback_started")


class Updates:
    """Each in turn gets another number in its environment, which replaces its tasks."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._acknowledged = {service: {FIRST} for service in REPLICAS}
        self.count = 0
        """So many were answered with success."""

    def go_on(self, stop: threading.Event) -> None:
        """Until it is told to stop."""
        number, due = 0, time.monotonic()
        while not stop.is_set():
            number += 1
            service = list(REPLICAS)[number % len(REPLICAS)]
            self._update(service, str(number))
            due = max(due + EVERY_S, time.monotonic())
            stop.wait(due - time.monotonic())

    def _update(self, service: str, number: str) -> None:
        """What was acknowledged is there from then on. Whether one that was not answered was made, nobody
        knows."""
        try:
            self._set(service, number)
        except AssertionError:
            self._acknowledged[service].add(number)
        else:
            self._acknowledged[service] = {number}
            self.count += 1

    def _set(self, service: str, number: str, *more: str) -> None:
        words = ("--detach", "--quiet", "--no-resolve-image", "--env-add", f"{VARIABLE}={number}", *more)
        self._stage.world.docker("service", "update", *words, service, timeout=30)

    def lost(self) -> list[str]:
        """What was acknowledged and is not there, in words."""
        found = []
        for service, numbers in self._acknowledged.items():
            number = self._number(service)
            if number not in numbers:
                found.append(
                    f"{service} has number {number}, acknowledged was {' or '.join(sorted(numbers))}"
                )
        return found

    def reset(self) -> None:
        """Update all once more, to what they were at the begin."""
        for service in REPLICAS:
            self._reset(service)

    def reset_paused(self) -> None:
        """The same of those whose update was paused, as a task of it failed: on a machine that is busy, one
        may fail its check without a fault. They are given something else first, as the same again would be no
        update where the task was tried again with success."""
        for service in REPLICAS:
            state = self._stage.world.api().update_state(service)
            if state == "paused" or (not state and self._first(service) == REPLICAS[service]):
                self._set(service, AGAIN)
            elif state == "completed" and self._number(service) == AGAIN:
                self._reset(service)

    def _reset(self, service: str) -> None:
        self._set(service, FIRST, "--label-rm", MARK)
        self._acknowledged[service] = {FIRST}

    def unfinished(self) -> str:
        """What update is not done yet, in words; empty where none is."""
        for service in REPLICAS:
            state = self._stage.world.api().update_state(service)
            if state != "completed":
                return f"the update of {service} is {state}"
            if (count := self._first(service)) != REPLICAS[service]:
                return f"of {service}, {count} tasks have their last environment"
        return ""

    def _first(self, service: str) -> int:
        """How many tasks are as at the begin."""
        return sum(_of(task["Spec"]) == FIRST for task in self._stage.tasks(service))

    def _number(self, service: str) -> str:
        return _of(self._stage.world.api().service(service)["Spec"]["TaskTemplate"])


def _of(template: dict[str, Any]) -> str:
    """The number in a task's environment."""
    values = dict(one.split("=", 1) for one in template["ContainerSpec"]["Env"])
    return str(values.get(VARIABLE, FIRST))
