"""How long the core waits: the deadline of an update, and the growing pauses of a crash loop."""

from __future__ import annotations

import pytest

from skerry.core import restart
from skerry.model.defaults import SECOND
from skerry.model.objects import Raw
from skerry.model.specs import RestartPolicy
from skerry.model.times import timestamp
from tests.core.world import FAILED, READY, RUNNING, Swarm, service_spec


def image(tag: str, action: str = "pause", **more: object) -> Raw:
    """A spec with another image, whose tasks get 60 s."""
    labels = {"skerry.update.deadline": "1m"}
    config = {"Parallelism": 1, "FailureAction": action, "Order": "start-first"}
    template = {"ContainerSpec": {"Image": f"app:{tag}"}}
    return service_spec(template=template, Labels=labels, UpdateConfig=config, **more)


def stuck(action: str) -> Swarm:
    """A swarm in an update whose first task never gets ready."""
    swarm = Swarm(image("1", action))
    swarm.agent()
    swarm.step(10)
    swarm.update(image("2", action))
    swarm.settle()
    return swarm


def state(swarm: Swarm) -> str:
    assert swarm.service.update is not None
    return swarm.service.update.state


def test_an_update_that_gets_nowhere_is_paused() -> None:
    swarm = stuck("pause")
    plan = swarm.step(59.9)
    assert state(swarm) == "updating"
    assert plan.wake_at == swarm.live[-1].created_at + 60 * SECOND
    assert plan.note.text == "updating 0/2: waiting for app.1 to be ready"
    assert (plan.note.until, plan.note.of) == (plan.wake_at, 60 * SECOND)
    swarm.step(0.1)
    assert state(swarm) == "paused"
    assert swarm.service.update is not None
    late = next(task for task in swarm.live if task.spec.raw["ContainerSpec"]["Image"] == "app:2")
    assert swarm.service.update.message == f"update paused as task {late.id} was not ready within 1 min"
    assert len([task for task in swarm.live if task.status.state == RUNNING]) == 2


def test_the_task_that_was_late_is_the_reason_and_not_one_that_failed_before() -> None:
    more: Raw = {"UpdateConfig": {"Parallelism": 0, "MaxFailureRatio": 0.25}}
    four: Raw = {"Mode": {"Replicated": {"Replicas": 4}}}
    swarm = Swarm({**image("1"), **more, **four})
    swarm.agent()
    swarm.step(10)
    swarm.update({**image("2"), **more, **four})
    swarm.settle()
    new = [task for task in swarm.live if task.spec.raw["ContainerSpec"]["Image"] == "app:2"]
    swarm.observe(new[0], RUNNING)
    swarm.observe(new[1], RUNNING)
    swarm.step(1)
    swarm.observe(new[2], FAILED)
    swarm.step(58)
    assert state(swarm) == "updating"
    swarm.step(1)
    assert swarm.service.update is not None
    assert swarm.service.update.message == f"update paused as task {new[3].id} was not ready within 1 min"


def test_or_rolled_back() -> None:
    swarm = stuck("rollback")
    swarm.step(60)
    swarm.agent()
    swarm.step(6)
    assert state(swarm) == "rollback_completed"
    assert [task.spec.raw["ContainerSpec"]["Image"] for task in swarm.live] == ["app:1", "app:1"]


def test_or_goes_on_with_the_next_slot() -> None:
    swarm = stuck("continue")
    swarm.step(60)
    slots = {task.slot for task in swarm.live if task.spec.raw["ContainerSpec"]["Image"] == "app:2"}
    assert slots == {1, 2}


def test_the_deadline_is_for_a_task_and_not_for_the_whole_update() -> None:
    swarm = Swarm(image("1", replicas=4))
    swarm.agent()
    swarm.update(image("2", replicas=4))
    for _ in range(4):
        swarm.step(40)
        for task in swarm.live:
            if task.status.state < RUNNING:
                swarm.observe(task, RUNNING)
        swarm.settle()
    swarm.agent()
    swarm.step(6)
    assert state(swarm) == "completed"


def test_a_crash_loop_waits_longer_and_longer_and_says_so() -> None:
    swarm = Swarm(service_spec(replicas=1, template={"RestartPolicy": {"Condition": "any", "Delay": SECOND}}))
    pauses = []
    for _ in range(9):
        swarm.agent()
        task = swarm.live[-1]
        if task.status.state != RUNNING:
            swarm.now = task.start_after
            swarm.agent()
        swarm.observe(swarm.live[-1], FAILED)
        swarm.settle()
        pauses.append((swarm.live[-1].start_after - swarm.now) // SECOND)
    assert pauses == [1, 1, 1, 1, 1, 2, 4, 8, 16]
    waiting = swarm.live[-1]
    text = f"9 failures in a row, next try at {timestamp(waiting.start_after)}"
    assert waiting.status.err == text
    swarm.observe(waiting, READY)
    plan = swarm.step(1)
    assert plan.note.text == f"app.1: {text}"


@pytest.mark.parametrize(
    ("streak", "delay", "longest", "pause"),
    [
        (1, 5, 60, 5),
        (5, 5, 60, 5),
        (6, 5, 60, 10),
        (8, 5, 60, 40),
        (9, 5, 60, 60),
        (1000, 5, 60, 60),
        (9, 5, 0, 5),
        (9, 120, 60, 120),
        (6, 0, 60, 2),
    ],
)
def test_pauses(streak: int, delay: int, longest: int, pause: int) -> None:
    policy = RestartPolicy(delay=delay * SECOND)
    assert restart.pause(streak, policy, longest * SECOND) == pause * SECOND


def test_a_task_that_ran_for_long_begins_a_new_row() -> None:
    swarm = Swarm(service_spec(replicas=1))
    swarm.agent()
    swarm.observe(swarm.live[0], FAILED)
    swarm.step(5)
    swarm.agent()
    assert swarm.live[0].streak == 1
    swarm.now += restart.STEADY
    swarm.observe(swarm.live[0], FAILED)
    swarm.settle()
    assert swarm.live[0].streak == 1
