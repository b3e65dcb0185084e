"""Jobs: so many completions, so many at once, and each update a run of its own."""

from __future__ import annotations

import pytest

from skerry.model.objects import Raw, Task
from skerry.model.states import TaskState
from tests.core.world import COMPLETE, FAILED, READY, REJECTED, REMOVE, RUNNING, SHUTDOWN, Swarm, service_spec


def job(concurrent: int = 2, total: int = 3, **policy: object) -> Raw:
    """A replicated job."""
    template: Raw = {"ContainerSpec": {"Image": "job:1"}}
    if policy:
        template["RestartPolicy"] = {"Condition": "any", "MaxAttempts": 0, **policy}
    mode = {"ReplicatedJob": {"MaxConcurrent": concurrent, "TotalCompletions": total}}
    return {**service_spec(template=template), "Mode": mode}


def started(swarm: Swarm) -> list[Task]:
    """The tasks that run, after everything that may start has."""
    swarm.agent()
    return [task for task in swarm.tasks if task.status.state == RUNNING]


def test_slots_from_zero_and_no_more_than_max_concurrent_at_once() -> None:
    swarm = Swarm(job())
    first = started(swarm)
    assert [(task.slot, task.desired, task.job_iteration) for task in first] == [
        (0, COMPLETE, 0),
        (1, COMPLETE, 0),
    ]
    swarm.observe(first[1], COMPLETE)
    assert [task.slot for task in started(swarm)] == [0, 2]
    for task in started(swarm):
        swarm.observe(task, COMPLETE)
    assert started(swarm) == []
    assert len(swarm.tasks) == 3
    assert swarm.settle().note.text == "job complete"


def test_a_failed_task_is_tried_again_after_the_delay() -> None:
    swarm = Swarm(job(1, 1, Delay=5_000_000_000))
    swarm.observe(started(swarm)[0], FAILED)
    swarm.settle()
    again = swarm.tasks[1]
    assert (again.slot, again.desired) == (0, READY)
    swarm.step(4.9)
    assert swarm.tasks[1].desired == READY
    swarm.step(0.1)
    assert swarm.tasks[1].desired == COMPLETE


@pytest.mark.parametrize(("condition", "tries"), [("none", 1), ("on-failure", 3), ("any", 3)])
def test_conditions_and_attempts(condition: str, tries: int) -> None:
    swarm = Swarm(job(1, 2, Condition=condition, MaxAttempts=2, Delay=0))
    seen = set()
    for _ in range(10):
        for task in started(swarm):
            if task.slot == 0:
                seen.add(task.id)
                swarm.observe(task, FAILED)
        swarm.step(1)
    assert len(seen) == tries
    assert "1 given up" in swarm.settle().note.text


def test_what_has_completed_is_not_run_again_however_short_the_history() -> None:
    swarm = Swarm(job(1, 1))
    cluster = swarm.view.clusters["c"]
    swarm.put(type(cluster)("c", "n", {"Orchestration": {"TaskHistoryRetentionLimit": 0}}))
    swarm.observe(started(swarm)[0], COMPLETE)
    for _ in range(3):
        swarm.step(60)
        assert started(swarm) == []
    assert len(swarm.tasks) == 1


def test_an_update_is_another_iteration_and_ends_what_is_under_way() -> None:
    swarm = Swarm(job(2, 2))
    done, under_way = started(swarm)
    swarm.observe(done, COMPLETE)
    swarm.settle()
    swarm.update(job(2, 2))
    swarm.settle()
    assert swarm.view.tasks[under_way.id].desired == REMOVE
    assert swarm.view.tasks[done.id].desired == COMPLETE
    new = started(swarm)
    assert [(task.slot, task.job_iteration) for task in new] == [(0, 1), (1, 1)]
    assert swarm.service.update is None
    assert swarm.view.tasks[done.id].desired == COMPLETE, "what had completed stays as it was"


def test_a_global_job_runs_once_where_its_constraints_hold() -> None:
    spec = {**job(), "Mode": {"GlobalJob": {}}}
    swarm = Swarm(spec)
    (task,) = started(swarm)
    assert (task.slot, task.name) == (0, f"app.n.{task.id}")
    assert task.status.state == RUNNING
    swarm.observe(task, COMPLETE)
    assert started(swarm) == []
    elsewhere = {"ContainerSpec": {"Image": "job:1"}, "Placement": {"Constraints": ["node.role == worker"]}}
    assert started(Swarm({**spec, "TaskTemplate": elsewhere})) == []


def test_a_drained_node_gives_the_job_back_later() -> None:
    swarm = Swarm(job(1, 1))
    (task,) = started(swarm)
    swarm.set_node("drain")
    swarm.settle()
    assert swarm.view.tasks[task.id].desired == SHUTDOWN
    assert swarm.tasks[1].status.state == TaskState.PENDING
    swarm.set_node("active")
    assert [one.id for one in started(swarm)] == [swarm.tasks[1].id]


def test_a_try_that_cannot_even_be_made_waits_for_the_delay_too() -> None:
    swarm = Swarm(job(1, 1, Delay=5_000_000_000))
    swarm.observe(started(swarm)[0], FAILED)
    swarm.settle()
    swarm.observe(swarm.tasks[1], REJECTED)
    swarm.step(4.9)
    assert len(swarm.tasks) == 2
    swarm.step(0.1)
    assert len(swarm.tasks) == 3
