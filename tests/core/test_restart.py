"""The restart policy, the slots that it gives up, and the history that is kept."""

from __future__ import annotations

import pytest

from skerry.core.reconcile import reconcile
from skerry.model.defaults import SECOND
from skerry.model.objects import Cluster
from tests.core.world import (
    COMPLETE,
    FAILED,
    READY,
    REJECTED,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    Swarm,
    image,
    images,
    running,
    service_spec,
)

CONTINUE = {"Parallelism": 1, "FailureAction": "continue", "Order": "start-first"}


@pytest.mark.parametrize(
    ("condition", "end", "replaced"),
    [
        ("any", COMPLETE, True),
        ("any", FAILED, True),
        ("on-failure", COMPLETE, False),
        ("on-failure", FAILED, True),
        ("on-failure", REJECTED, True),
        ("none", FAILED, False),
    ],
)
def test_restart_condition(condition: str, end: object, replaced: bool) -> None:
    policy = {"RestartPolicy": {"Condition": condition, "MaxAttempts": 0}}
    swarm = Swarm(service_spec(template=policy, replicas=1))
    swarm.agent()
    swarm.observe(swarm.tasks[0], end)  # type: ignore[arg-type]
    swarm.settle()
    assert len(swarm.tasks) == (2 if replaced else 1)
    assert swarm.tasks[0].desired == SHUTDOWN


def test_a_replacement_appears_at_once_and_starts_after_the_delay() -> None:
    swarm = running(replicas=1)
    swarm.observe(swarm.tasks[0], FAILED)
    swarm.settle()
    successor = swarm.tasks[1]
    assert (successor.desired, successor.slot) == (READY, 1)
    swarm.observe(successor, READY)
    plan = swarm.step(4.9)
    assert swarm.tasks[1].desired == READY
    assert plan.wake_at == swarm.tasks[0].status.at + 5_000_000_000
    swarm.step(0.1)
    assert swarm.tasks[1].desired == RUNNING


def test_a_missing_image_is_tried_once_a_delay() -> None:
    swarm = Swarm(service_spec(replicas=1))
    swarm.settle()
    tried = 0
    for _ in range(100):  # 20 s in steps of 0.2 s
        for task in swarm.live:
            if not task.status.state.terminal:
                swarm.observe(task, REJECTED)
                tried += 1
        swarm.step(0.2)
    assert 4 <= tried <= 6


def test_max_attempts_two_means_three_runs() -> None:
    policy = {"RestartPolicy": {"Condition": "any", "MaxAttempts": 2, "Delay": 0}}
    swarm = Swarm(service_spec(template=policy, replicas=1))
    runs = 0
    for _ in range(10):
        swarm.agent()
        for task in [one for one in swarm.live if one.status.state == RUNNING]:
            runs += 1
            swarm.observe(task, FAILED)
        swarm.step(1)
    assert runs == 3
    assert swarm.live == []
    swarm.update(image("2", replicas=1))
    swarm.agent()
    assert images(swarm) == ["app:2"]


def test_history_keeps_five_tasks_of_a_slot() -> None:
    swarm = running(replicas=1)
    for _ in range(9):
        swarm.observe(next(task for task in swarm.live if task.status.state == RUNNING), FAILED)
        swarm.step(70)
        swarm.agent()
    assert len(swarm.tasks) == 5


def test_a_pass_trims_the_history_that_it_makes_itself() -> None:
    policy = {"RestartPolicy": {"MaxAttempts": 1}}
    swarm = Swarm(service_spec(replicas=1, template=policy))
    swarm.agent()
    for number in range(4):  # each superseded task is one more in the slot
        swarm.update(service_spec(replicas=1, template={**policy, "ForceUpdate": number}))
        swarm.apply(reconcile(swarm.view, "s", swarm.now))
        assert not reconcile(swarm.view, "s", swarm.now).deleted
        swarm.agent()


def given_up(**more: object) -> Swarm:
    """A swarm each of whose slots was given up by the restart policy."""
    swarm = Swarm(service_spec(template={"RestartPolicy": {"Condition": "none"}}, **more))
    swarm.agent()
    for task in swarm.live:
        swarm.observe(task, FAILED)
    swarm.settle()
    assert swarm.live == []
    return swarm


@pytest.mark.parametrize("condition", ["none", "any"])
def test_a_slot_that_was_given_up_is_scaled_away_too(condition: str) -> None:
    swarm = given_up(replicas=3)
    template = {"ContainerSpec": {"Image": "app:2"}, "RestartPolicy": {"Condition": condition}}
    swarm.update(service_spec(replicas=1, template=template))
    swarm.agent()
    assert [(task.slot, task.status.state) for task in swarm.live] == [(1, RUNNING)]
    assert all(task.desired == REMOVE for task in swarm.tasks if task.slot > 1)


def test_a_global_task_that_was_given_up_is_not_updated_where_it_may_not_be() -> None:
    swarm = given_up(Mode={"Global": {}})
    template = {"ContainerSpec": {"Image": "app:2"}, "Placement": {"Constraints": ["node.id==x"]}}
    swarm.update(service_spec(Mode={"Global": {}}, template=template))
    swarm.settle()
    assert swarm.live == []
    assert swarm.service.update is None


def test_history_never_hides_how_often_a_restart_was_tried() -> None:
    policy = {"RestartPolicy": {"MaxAttempts": 1, "Delay": 0}}
    swarm = Swarm(service_spec(replicas=1, template=policy))
    swarm.agent()
    old = swarm.live[0]
    swarm.update(service_spec(replicas=1, template={**policy, "ForceUpdate": 1}))
    swarm.settle()
    swarm.observe(swarm.live[-1], READY)
    swarm.settle()
    swarm.step(61)  # the old one is deaf, and its successor starts all the same
    for _ in range(2):
        swarm.observe(swarm.live[-1], FAILED)
        swarm.step(1)
    swarm.observe(old, SHUTDOWN)  # last of all
    swarm.settle()
    assert swarm.live == []
    assert len([task for task in swarm.tasks if task.status.state == FAILED]) == 2


def test_history_never_hides_how_often_a_restart_was_tried_of_any_spec_that_is_wanted() -> None:
    policy = {"RestartPolicy": {"MaxAttempts": 1, "Delay": 20 * SECOND}}
    config = {"UpdateConfig": {"Order": "start-first", "FailureAction": "continue"}}
    swarm = Swarm(service_spec(replicas=1, template=policy, **config))
    swarm.agent()
    old = swarm.live[0]
    swarm.update(service_spec(replicas=1, template={**policy, "ForceUpdate": 1}, **config))
    swarm.settle()
    first = swarm.live[-1]
    swarm.observe(first, FAILED)
    swarm.step(1)
    second = swarm.live[-1]
    assert second.id not in (old.id, first.id)
    swarm.observe(old, FAILED)  # the one that served meanwhile is the last that ended
    swarm.step(10)
    assert swarm.service.update is not None
    assert swarm.service.update.state == "completed"
    swarm.step(20)
    swarm.observe(second, FAILED)
    swarm.settle()
    assert swarm.live == []


def test_history_never_hides_when_a_slot_was_done() -> None:
    swarm = running(replicas=1)
    swarm.put(Cluster("c", "n", {"Orchestration": {"TaskHistoryRetentionLimit": 1}}))
    old = swarm.live[0]
    swarm.step(1)
    swarm.update(image("2", replicas=1, UpdateConfig={"Order": "start-first"}))
    swarm.settle()
    new = swarm.live[-1]
    swarm.observe(new, RUNNING)
    swarm.settle()
    swarm.step(20)
    swarm.observe(old, SHUTDOWN)  # slow to stop
    swarm.step(1)
    swarm.observe(new, FAILED)
    swarm.step(1)
    assert swarm.service.update is not None
    assert swarm.service.update.state == "updating", "the monitor goes from the stop of the old task"
    swarm.step(3)
    assert swarm.service.update.state == "completed"


def test_history_never_hides_how_far_an_update_is() -> None:
    policy = {"RestartPolicy": {"Delay": 0}}
    swarm = Swarm(service_spec(replicas=2, template=policy))
    swarm.put(Cluster("c", "n", {"Orchestration": {"TaskHistoryRetentionLimit": 1}}))
    swarm.agent()
    config = {"Parallelism": 1, "Delay": 100 * 10**9, "FailureAction": "continue"}
    swarm.update(service_spec(replicas=2, template={**policy, "ForceUpdate": 1}, UpdateConfig=config))
    swarm.agent()
    for _ in range(2):
        swarm.observe(next(task for task in swarm.live if task.slot == 1), FAILED)
        swarm.agent()
    now = {task.slot: task.spec.raw.get("ForceUpdate") for task in swarm.live}
    assert now == {1: 1, 2: None}, "the delay is not over"
