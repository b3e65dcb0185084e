"""Whether services run what they ask for: tasks to states, states to words."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.cli.outgrow.converge import State, judge
from skerry.model.objects import Raw

NODES = {"n1": "node1", "n2": "node2"}
REPLICATED: Raw = {"Replicated": {"Replicas": 2}}
GLOBAL: Raw = {"Global": {}}


def service(mode: Raw, update: str = "") -> Raw:
    """A service in this mode, with this state of its update."""
    status = {"UpdateStatus": {"State": update, "Message": "why"}} if update else {}
    return {"Spec": {"Mode": mode}, **status}


def task(slot: int, state: str, *, desired: str = "running", err: str = "", **more: Any) -> Raw:
    """A task; slot 0 is that of a global service."""
    place = {"Slot": slot} if slot else {}
    status = {"State": state, **({"Err": err} if err else {})}
    common = {"ID": f"{slot}{state}", "CreatedAt": "2026-01-01T00:00:00Z", "DesiredState": desired}
    return {**common, **place, "Status": status, **more}


@pytest.mark.parametrize(
    ("found", "tasks", "state"),
    [
        (service(REPLICATED), [task(1, "running"), task(2, "running")], State(2, 2)),
        (service({"Replicated": {"Replicas": 0}}), [], State(0, 0)),
        (service(REPLICATED), [task(1, "running")], State(1, 2)),
        (
            service(REPLICATED),
            [
                task(1, "running"),
                task(2, "rejected", desired="shutdown", err="No such image: a:1", NodeID="n2"),
            ],
            State(1, 2, ("No such image: a:1 (on node2)",)),
        ),
        (
            service(REPLICATED),
            [
                task(1, "running"),
                task(1, "failed", desired="shutdown", err="old"),
                task(2, "starting", NodeID="n1"),
            ],
            State(1, 2, ("a task is starting (on node1)",)),
        ),
        (
            service(REPLICATED),
            [task(1, "pending", err="no suitable node"), task(2, "pending", err="no suitable node")],
            State(0, 2, ("no suitable node",)),
        ),
        (service(GLOBAL), [task(0, "running", NodeID="n1"), task(0, "running", NodeID="n2")], State(2, 2)),
        (service(GLOBAL), [], State(0, 0, final="no node there suits it")),
        (
            service({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}}),
            [task(1, "complete", desired="complete"), task(2, "running", desired="complete")],
            State(1, 2, ("a task is running",)),
        ),
        (
            service(REPLICATED, "updating"),
            [task(1, "running"), task(2, "running")],
            State(2, 2, updating=True),
        ),
        (
            service(REPLICATED, "paused"),
            [task(1, "running"), task(2, "running")],
            State(2, 2, final="paused: why"),
        ),
        (
            service(REPLICATED, "rollback_completed"),
            [task(1, "running"), task(2, "running")],
            State(2, 2, final="rollback completed: why"),
        ),
    ],
)
def test_states(found: Raw, tasks: list[Raw], state: State) -> None:
    assert judge(found, tasks, NODES, changed=True) == state


def test_how_an_update_ended_matters_only_to_who_made_it() -> None:
    tasks = [task(1, "running"), task(2, "running")]
    assert judge(service(REPLICATED, "rollback_completed"), tasks, NODES, changed=False).converged


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State(2, 2), "2/2"),
        (State(1, 2, ("a", "b")), "1/2: a; b"),
        (State(1, 2), "1/2: no task says why"),
        (State(2, 2, updating=True), "2/2: its update goes on"),
        (State(2, 2, ("a",), "paused: why"), "2/2: paused: why"),
    ],
)
def test_in_words(state: State, text: str) -> None:
    assert str(state) == text
