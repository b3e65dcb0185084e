"""The life of a service, decision by decision."""

from __future__ import annotations

from skerry.core.reconcile import reconcile
from tests.core.world import (
    FAILED,
    REMOVE,
    RUNNING,
    Swarm,
    image,
    running,
    service_spec,
)


def test_fills_the_lowest_free_slots_and_assigns() -> None:
    swarm = Swarm()
    swarm.settle()
    assert [(task.slot, task.desired, task.status.message) for task in swarm.tasks] == [
        (1, RUNNING, "scheduler assigned task to node"),
        (2, RUNNING, "scheduler assigned task to node"),
    ]


def test_is_deterministic_and_idempotent() -> None:
    swarm = Swarm()
    assert reconcile(swarm.view, "s", swarm.now) == reconcile(swarm.view, "s", swarm.now)
    swarm.settle()
    assert reconcile(swarm.view, "s", swarm.now).empty


def test_scales_down_from_the_highest_slot_but_spares_what_runs() -> None:
    swarm = running(replicas=3)
    first = swarm.tasks[0]
    swarm.observe(first, FAILED)
    swarm.settle()  # slot 1 has a successor that waits for its delay, and does not run
    swarm.update(image("1", replicas=2))
    swarm.settle()
    assert sorted({task.slot for task in swarm.live}) == [2, 3]


def test_the_history_of_a_slot_that_is_scaled_away_goes_with_it() -> None:
    swarm = running(replicas=2)
    swarm.observe(swarm.tasks[1], FAILED)
    swarm.step(6)
    swarm.agent()
    swarm.update(image("1", replicas=1))
    swarm.settle()
    assert {(task.slot, task.desired) for task in swarm.tasks} == {(1, RUNNING), (2, REMOVE)}
    assert len(swarm.tasks) == 3


def test_a_label_change_replaces_nothing() -> None:
    swarm = running()
    before = swarm.live
    swarm.update(image("1", Labels={"a": "b"}))
    swarm.agent()
    assert [task.id for task in swarm.live] == [task.id for task in before]
    assert swarm.service.update is None


def test_a_global_service_has_one_task_in_slot_zero() -> None:
    swarm = Swarm({**service_spec(), "Mode": {"Global": {}}})
    swarm.agent()
    assert [task.slot for task in swarm.live] == [0]
    assert swarm.live[0].name == f"app.n.{swarm.live[0].id}"


def test_a_removed_service_takes_its_tasks_along() -> None:
    swarm = running()
    swarm.delete(swarm.service)
    swarm.apply(reconcile(swarm.view, "s", swarm.now))
    assert {task.desired.word for task in swarm.tasks} == {"remove"}
