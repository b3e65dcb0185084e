"""However large the numbers of a spec are, a pass does a bounded amount of work."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core.draft import AT_ONCE
from skerry.core.jobs import completed_slots
from skerry.core.reconcile import reconcile
from skerry.model.objects import Raw
from skerry.model.states import TaskState
from tests.core.world import COMPLETE, FAILED, REJECTED, RUNNING, Swarm, service_spec

HUGE = 10**12
LARGEST = 2**63 - 1


def job(concurrent: int, total: int) -> Raw:
    mode = {"ReplicatedJob": {"MaxConcurrent": concurrent, "TotalCompletions": total}}
    return {**service_spec(), "Mode": mode}


@pytest.mark.case("C1")
@pytest.mark.parametrize(
    ("concurrent", "total", "made"),
    [
        (1, HUGE, 1),
        (3, LARGEST, 3),
        (1, 0, 0),
        (HUGE, 2, 2),
        (10**9, HUGE, AT_ONCE),
        (LARGEST, LARGEST, AT_ONCE),
    ],
)
def test_a_job_begins_no_more_than_it_may_at_once(concurrent: int, total: int, made: int) -> None:
    swarm = Swarm(job(concurrent, total))
    assert len(reconcile(swarm.view, "s", swarm.now).tasks) == made


@pytest.mark.case("C1")
@pytest.mark.parametrize("replicas", [AT_ONCE + 1, HUGE, LARGEST])
def test_so_many_replicas_are_made_as_may_wait_and_more_once_they_run(replicas: int) -> None:
    swarm = Swarm(service_spec(replicas=replicas))
    made = 0
    for more in (AT_ONCE, 0, min(AT_ONCE, replicas - AT_ONCE), 0):
        plan = reconcile(swarm.view, "s", swarm.now)
        swarm.apply(plan)
        made += more
        assert {task.slot for task in swarm.tasks} == set(range(1, made + 1))
        if not more:
            for task in swarm.tasks:
                swarm.observe(task, RUNNING)


@pytest.mark.case("BAD")
@pytest.mark.parametrize("mode", [service_spec(replicas=HUGE)["Mode"], job(HUGE, HUGE)["Mode"]])
@pytest.mark.parametrize("ends", [RUNNING, REJECTED])
def test_a_service_has_so_many_slots(mode: Raw, ends: TaskState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.core.draft.MOST_TASKS", 30)
    monkeypatch.setattr("skerry.core.draft.AT_ONCE", 10)
    swarm = Swarm({**service_spec(template={"RestartPolicy": {"Condition": "none"}}), "Mode": mode})
    for _ in range(6):
        swarm.agent()
        for task in swarm.live:
            swarm.observe(task, ends)
    assert len(swarm.tasks) == 30


@pytest.mark.case("BAD")
def test_those_that_wait_can_still_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.core.draft.AT_ONCE", 10)
    nowhere = {"Placement": {"Constraints": ["node.labels.x==y"]}}
    config = {"Parallelism": 0, "Delay": 0}
    swarm = Swarm(service_spec(replicas=HUGE, template=nowhere, UpdateConfig=config))
    assert swarm.settle().note.text.startswith(f"{HUGE - 10} more are made as those before them run")
    assert [task.status.state for task in swarm.live] == [TaskState.PENDING] * 10
    swarm.update(service_spec(replicas=12, UpdateConfig=config))
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING] * 12


@pytest.mark.case("C1")
def test_an_update_of_all_at_once_is_made_in_parts() -> None:
    config = {"Parallelism": HUGE, "Delay": LARGEST, "Monitor": LARGEST}
    swarm = Swarm(service_spec(replicas=AT_ONCE + 1, UpdateConfig=config))
    swarm.agent()
    changed = service_spec(
        replicas=AT_ONCE + 1, UpdateConfig=config, template={"ContainerSpec": {"Image": "app:2"}}
    )
    swarm.update(changed)
    assert (
        len([task for task in reconcile(swarm.view, "s", swarm.now).tasks if task.spec_version > 1])
        == AT_ONCE
    )
    swarm.agent()
    assert [task.spec.raw["ContainerSpec"]["Image"] for task in swarm.live] == ["app:2"] * (AT_ONCE + 1)


@pytest.mark.case("C1")
def test_a_job_counts_what_it_has_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.core.jobs.TASK_HISTORY_MOST", 3)
    swarm = Swarm(job(1, 7))
    for done in range(7):
        swarm.agent()
        (task,) = (task for task in swarm.tasks if task.status.state == RUNNING)
        assert task.slot == done
        swarm.observe(task, COMPLETE)
    note = swarm.settle().note.text
    assert note == "job complete"
    assert [task.slot for task in swarm.tasks] == [4, 5, 6]
    assert completed_slots(swarm.service, swarm.tasks) == 7


@pytest.mark.case("C1")
@pytest.mark.parametrize("limit", [-1, HUGE])
@pytest.mark.parametrize("attempts", [0, LARGEST])
def test_no_history_is_without_end(limit: int, attempts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.core.history.TASK_HISTORY_MOST", 10)
    policy = {"Condition": "any", "Delay": 0, "MaxAttempts": attempts}
    swarm = Swarm(service_spec(replicas=1, template={"RestartPolicy": policy}))
    retention = {"Orchestration": {"TaskHistoryRetentionLimit": limit}}
    swarm.put(replace(swarm.view.clusters["c"], spec=retention))
    for _ in range(20):
        swarm.agent()
        swarm.observe(swarm.live[-1], FAILED)
        swarm.step(600)
    assert len(swarm.tasks) == 10
    assert len(swarm.live) == 1


@pytest.mark.case("C1")
@pytest.mark.parametrize("field", ["Delay", "Window"])
def test_a_delay_may_be_as_long_as_any(field: str) -> None:
    policy = {"Condition": "any", "MaxAttempts": 0, field: LARGEST}
    swarm = Swarm(service_spec(replicas=1, template={"RestartPolicy": policy}))
    for _ in range(12):
        swarm.agent()
        swarm.observe(swarm.live[-1], FAILED)
        plan = swarm.step(1)
        swarm.now = max(swarm.now, plan.wake_at or 0)
    assert swarm.live
