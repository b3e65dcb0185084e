"""Whether services have come to run what they ask for, and what keeps those that have not."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from skerry.cli.client import DockerClient
from skerry.model.defaults import SECOND
from skerry.model.objects import Raw

POLL_S = 0.5
STABLE_S = 5.0
"""How long it has to stay so where its update's monitor does not say it: Docker's own default."""
LIVE = ("ready", "running", "complete")
UNDER_WAY = ("updating", "rollback_started")
FAILED_UPDATES = ("paused", "rollback_paused", "rollback_completed")


@dataclass(frozen=True)
class State:
    """How a service stands. `final` is a reason that no waiting helps."""

    running: int
    desired: int
    reasons: tuple[str, ...] = ()
    final: str = ""
    updating: bool = False
    unsteady: bool = False
    """It has not stayed so for long enough."""

    @property
    def converged(self) -> bool:
        """Whether everything runs."""
        return self.running == self.desired and not (self.final or self.updating or self.unsteady)

    def __str__(self) -> str:
        numbers = f"{self.running}/{self.desired}"
        if self.converged:
            return numbers
        words = [self.final] if self.final else list(self.reasons)
        if not self.final and self.running == self.desired:
            words.insert(0, "its update goes on" if self.updating else "it has not stayed so for long enough")
        return f"{numbers}: {'; '.join(words) or 'no task says why'}"


def judge(service: Raw, tasks: list[Raw], nodes: dict[str, str], *, changed: bool) -> State:
    """The state of a service from its tasks of the current spec; `nodes` are hostnames by ID.

    `changed`: whether it was made or updated just now, so that how its update ended matters.
    """
    mode, status = service["Spec"]["Mode"], service.get("UpdateStatus") or {}
    final = ""
    if changed and status.get("State") in FAILED_UPDATES:
        final = f"{status['State'].replace('_', ' ')}: {status.get('Message', '')}"
    live = {_place(task) for task in tasks if task["DesiredState"] in LIVE}
    job = "ReplicatedJob" in mode or "GlobalJob" in mode
    fine = {_place(task) for task in tasks if _is_fine(task, job)}
    match mode:
        case {"Replicated": replicated}:
            desired = replicated.get("Replicas", 1)
        case {"ReplicatedJob": counts}:
            desired = counts.get("TotalCompletions", counts.get("MaxConcurrent", 1))
        case _:
            desired = len(live | fine)
            final = final or ("" if desired else "no node there suits it")
    reasons = _reasons(tasks, fine, nodes)
    if fine and not reasons:  # what it died of before, in case that it does not stay so
        reasons = _reasons([task for task in tasks if task["Status"].get("Err")], (), nodes)
    return State(len(fine), desired, reasons, final, updating=status.get("State") in UNDER_WAY)


def _is_fine(task: Raw, job: bool) -> bool:
    state = task["Status"]["State"]
    return bool(state == "complete" if job else state == task["DesiredState"] == "running")


def wait(
    manager: DockerClient,
    services: Collection[str],
    changed: Collection[str],
    timeout: float,
    tell: Callable[[str], None],
) -> dict[str, State]:
    """Wait until all have converged and stayed so; their states, at the latest after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    since: dict[str, float] = {}
    reported: dict[str, str] = {}
    while True:
        states = _look(manager, services, changed)
        now = time.monotonic()
        since = {name: since.get(name, now) for name, (state, _) in states.items() if state.converged}
        for name, (state, _) in states.items():
            if reported.get(name) != (line := f"{name} {state.running}/{state.desired}"):
                reported[name] = line
                tell(line)
        settled = [
            name
            for name, (state, stable) in states.items()
            if state.final or (name in since and now - since[name] >= stable)
        ]
        if len(settled) == len(states) or now >= deadline:
            return {
                name: state if name in settled else replace(state, unsteady=True)
                for name, (state, _) in states.items()
            }
        time.sleep(POLL_S)


def _look(
    manager: DockerClient, services: Collection[str], changed: Collection[str]
) -> dict[str, tuple[State, float]]:
    """Each service's state, and how many seconds it has to stay so."""
    nodes = {node["ID"]: node["Description"]["Hostname"] for node in manager.get("/nodes")}
    states = {}
    for name in services:
        service = manager.get(f"/services/{name}")
        tasks = manager.get("/tasks", **{"service": [service["ID"]], "_up-to-date": ["true"]})
        monitor = (service["Spec"].get("UpdateConfig") or {}).get("Monitor")
        state = judge(service, tasks, nodes, changed=name in changed)
        states[name] = state, monitor / SECOND if monitor else STABLE_S
    return states


def _place(task: Raw) -> str:
    """The slot, or the node for a service that has no slots."""
    return str(task.get("Slot") or task.get("NodeID") or task["ID"])


def _reasons(tasks: list[Raw], fine: Collection[str], nodes: dict[str, str]) -> tuple[str, ...]:
    """For each place that is not fine, what its youngest task with an error says; equal ones once."""
    latest: dict[str, Raw] = {}
    for task in sorted(tasks, key=lambda task: str(task["CreatedAt"])):
        if _place(task) not in fine and (task["Status"].get("Err") or _place(task) not in latest):
            latest[_place(task)] = task
    reasons = []
    for task in latest.values():
        node = nodes.get(task.get("NodeID", ""), "")
        text = task["Status"].get("Err") or f"a task is {task['Status']['State']}"
        reasons.append(f"{text} (on {node})" if node else text)
    return tuple(dict.fromkeys(reasons))
