"""Whether services have come to run what they ask for, and what keeps those that have not."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from skerry.cli.client import Client
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
    wanted: int
    reasons: tuple[str, ...] = ()
    final: str = ""
    updating: bool = False

    @property
    def converged(self) -> bool:
        """Whether everything runs."""
        return not self.final and not self.updating and self.running == self.wanted

    def __str__(self) -> str:
        why = (
            self.final
            or "; ".join(self.reasons)
            or ("its update goes on" if self.updating else "no task says why")
        )
        return f"{self.running}/{self.wanted}" + ("" if self.converged else f": {why}")


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
            wanted = replicated.get("Replicas", 1)
        case {"ReplicatedJob": counts}:
            wanted = counts.get("TotalCompletions", counts.get("MaxConcurrent", 1))
        case _:
            wanted = len(live | fine)
            final = final or ("" if wanted else "no node there suits it")
    reasons = _reasons(tasks, fine, nodes)
    return State(len(fine), wanted, reasons, final, updating=status.get("State") in UNDER_WAY)


def _is_fine(task: Raw, job: bool) -> bool:
    state = task["Status"]["State"]
    return bool(state == "complete" if job else state == task["DesiredState"] == "running")


def wait(
    manager: Client,
    services: Collection[str],
    changed: Collection[str],
    timeout: float,
    tell: Callable[[str], None],
) -> dict[str, State]:
    """Wait until all have converged and stayed so; their states, at the latest after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    since: dict[str, float] = {}
    told: dict[str, str] = {}
    while True:
        states = _look(manager, services, changed)
        now = time.monotonic()
        since = {name: since.get(name, now) for name, (state, _) in states.items() if state.converged}
        for name, (state, _) in states.items():
            if told.get(name) != (line := f"{name} {state.running}/{state.wanted}"):
                told[name] = line
                tell(line)
        settled = [
            name
            for name, (state, stable) in states.items()
            if state.final or (name in since and now - since[name] >= stable)
        ]
        if len(settled) == len(states) or now >= deadline:
            return {name: state for name, (state, _) in states.items()}
        time.sleep(POLL_S)


def _look(
    manager: Client, services: Collection[str], changed: Collection[str]
) -> dict[str, tuple[State, float]]:
    """Each service's state, and how many seconds it has to stay so."""
    nodes = {node["ID"]: node["Description"]["Hostname"] for node in manager.get("/nodes")}
    found = {}
    for name in services:
        service = manager.get(f"/services/{name}")
        tasks = manager.get("/tasks", **{"service": [service["ID"]], "_up-to-date": ["true"]})
        monitor = (service["Spec"].get("UpdateConfig") or {}).get("Monitor")
        state = judge(service, tasks, nodes, changed=name in changed)
        found[name] = state, monitor / SECOND if monitor else STABLE_S
    return found


def _place(task: Raw) -> str:
    """The slot, or the node for a service that has no slots."""
    return str(task.get("Slot") or task.get("NodeID") or task["ID"])


def _reasons(tasks: list[Raw], fine: Collection[str], nodes: dict[str, str]) -> tuple[str, ...]:
    """For each place that is not fine, what its youngest task with an error says; equal ones once."""
    latest: dict[str, Raw] = {}
    for task in sorted(tasks, key=lambda one: str(one["CreatedAt"])):
        if _place(task) not in fine and (task["Status"].get("Err") or _place(task) not in latest):
            latest[_place(task)] = task
    found = []
    for task in latest.values():
        node = nodes.get(task.get("NodeID", ""), "")
        text = task["Status"].get("Err") or f"a task is {task['Status']['State']}"
        found.append(f"{text} (on {node})" if node else text)
    return tuple(dict.fromkeys(found))
