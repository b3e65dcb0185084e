"""Updates and rollbacks, decision by decision."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core import revisions
from skerry.model.objects import UpdateStatus
from tests.core.world import (
    FAILED,
    READY,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    STARTING,
    Swarm,
    image,
    images,
    running,
    service_spec,
)

CONTINUE = {"Parallelism": 1, "FailureAction": "continue", "Order": "start-first"}


def test_tasks_carry_the_version_of_the_spec_they_are_made_of() -> None:
    swarm = running()
    assert {task.spec_version for task in swarm.tasks} == {swarm.service.spec_version} != {0}
    swarm.update(image("2"))
    swarm.settle()
    new = [task for task in swarm.live if task.spec.typed.container_spec.image == "app:2"]
    assert [task.spec_version for task in new] == [swarm.service.spec_version]


def test_stop_first_replaces_one_slot_after_the_other() -> None:
    swarm = running()
    swarm.update(image("2"))
    swarm.settle()
    assert swarm.service.update is not None
    assert swarm.service.update.state == "updating"
    assert images(swarm) == ["app:1", "app:2", "app:1"]
    new = next(task for task in swarm.live if task.desired == READY)
    old = swarm.view.tasks[new.follows]
    assert old.live, "the old task goes only when the new one needs nothing but its place"
    swarm.observe(new, READY)
    swarm.settle()
    assert swarm.view.tasks[old.id].desired == SHUTDOWN
    assert swarm.view.tasks[new.id].desired == READY
    swarm.observe(old, SHUTDOWN)
    swarm.settle()
    assert swarm.view.tasks[new.id].desired == RUNNING
    swarm.observe(new, STARTING)
    swarm.settle()
    assert images(swarm) == ["app:2", "app:1"], "the second slot waits until the first one is ready"
    swarm.agent()
    assert images(swarm) == ["app:2", "app:2"]
    assert swarm.service.update.state == "updating"
    swarm.step(5)
    assert swarm.service.update is not None
    assert (swarm.service.update.state, swarm.service.update.message) == ("completed", "update completed")


def test_start_first_never_has_fewer_running() -> None:
    swarm = running(UpdateConfig={"Parallelism": 1, "Order": "start-first", "MaxFailureRatio": 0})
    swarm.update({**image("2"), "UpdateConfig": swarm.service.spec.raw["UpdateConfig"]})
    for _ in range(30):
        swarm.settle()
        up = [task for task in swarm.tasks if task.status.state == RUNNING]
        assert len(up) >= 2
        for task in swarm.tasks:
            swarm._obey(task)
    swarm.agent()
    assert images(swarm) == ["app:2", "app:2"]


@pytest.mark.parametrize(("parallelism", "together"), [(1, 1), (2, 2), (0, 4)])
def test_parallelism(parallelism: int, together: int) -> None:
    swarm = running(replicas=4)
    swarm.update(image("2", replicas=4, UpdateConfig={"Parallelism": parallelism, "MaxFailureRatio": 0}))
    swarm.settle()
    assert images(swarm).count("app:2") == together


def test_delay_between_slots() -> None:
    swarm = running()
    swarm.update(image("2", UpdateConfig={"Parallelism": 1, "Delay": 10_000_000_000}))
    swarm.agent()
    assert sorted(images(swarm)) == ["app:1", "app:2"]
    plan = swarm.step(9.9)
    assert plan.wake_at == swarm.now + 100_000_000
    assert sorted(images(swarm)) == ["app:1", "app:2"]
    swarm.step(0.1)
    swarm.agent()
    assert images(swarm) == ["app:2", "app:2"]


def fail_new(swarm: Swarm, tag: str) -> None:
    """The first task of an image starts, and dies."""
    swarm.settle()
    for _ in range(10):
        new = next(task for task in swarm.live if task.spec.raw["ContainerSpec"]["Image"] == f"app:{tag}")
        if new.desired == RUNNING:
            break
        swarm.observe(new, READY)
        for task in swarm.tasks:
            if not task.live and not task.status.state.terminal:
                swarm.observe(task, SHUTDOWN)
        swarm.settle()
    swarm.observe(new, FAILED)
    swarm.settle()


def test_a_failure_pauses_the_update() -> None:
    swarm = running()
    swarm.update(image("2"))
    fail_new(swarm, "2")
    assert swarm.service.update is not None
    assert swarm.service.update.state == "paused"
    assert swarm.service.update.message.startswith(
        "update paused due to failure or early termination of task t"
    )
    swarm.step(60)
    swarm.agent()
    assert sorted(images(swarm)) == ["app:1", "app:2"], "the untouched slot keeps its task"


def test_a_failure_rolls_back_and_leaves_healthy_tasks_alone() -> None:
    swarm = running()
    kept = {task.id for task in swarm.live}
    order = {"Parallelism": 1, "FailureAction": "rollback", "Order": "start-first", "MaxFailureRatio": 0}
    swarm.update(image("2", UpdateConfig=order))
    fail_new(swarm, "2")
    assert swarm.service.revision == 1
    assert revisions.previous(swarm.view, swarm.service) is None
    assert swarm.service.update is not None
    assert swarm.service.update.state == "rollback_completed", "nothing had to be replaced"
    swarm.agent()
    assert {task.id for task in swarm.live} == kept


def test_what_is_rolled_back_is_not_tried_once_more() -> None:
    swarm = running()
    config = {"Parallelism": 1, "FailureAction": "rollback", "MaxFailureRatio": 0}
    swarm.update(image("2", UpdateConfig=config))
    fail_new(swarm, "2")
    swarm.agent()
    tried = [task for task in swarm.tasks if task.spec.raw["ContainerSpec"]["Image"] == "app:2"]
    assert len(tried) == 1
    assert images(swarm) == ["app:1", "app:1"]


def test_a_rollback_does_not_wait_for_the_restart_delay() -> None:
    swarm = running(replicas=1)
    config = {"Parallelism": 1, "FailureAction": "rollback", "MaxFailureRatio": 0}
    swarm.update(image("2", replicas=1, UpdateConfig=config))
    fail_new(swarm, "2")
    assert swarm.service.update is not None
    assert swarm.service.update.state == "rollback_started"
    (new,) = swarm.live
    assert (new.spec.raw["ContainerSpec"]["Image"], new.start_after) == ("app:1", 0)
    assert new.update_started_at == swarm.service.update.started_at
    swarm.agent()
    assert swarm.service.update.state == "rollback_started", "it is watched for the monitor's time"
    swarm.step(6)
    assert swarm.service.update.state == "rollback_completed"


def test_continue_ignores_failures() -> None:
    swarm = running()
    swarm.update(image("2", UpdateConfig={"Parallelism": 1, "FailureAction": "continue"}))
    fail_new(swarm, "2")
    swarm.step(6)
    swarm.agent()
    swarm.step(60)
    assert images(swarm) == ["app:2", "app:2"]
    assert swarm.service.update is not None
    assert swarm.service.update.state == "completed"


def test_a_spec_that_failed_is_not_tried_beyond_the_restart_policy() -> None:
    template = {"RestartPolicy": {"Condition": "none"}}
    swarm = Swarm(service_spec(replicas=1, template=template))
    swarm.agent()
    old = swarm.live[0]
    spec = service_spec(replicas=1, template={**template, "ForceUpdate": 1}, UpdateConfig=CONTINUE)
    swarm.update(spec)
    swarm.settle()
    swarm.observe(swarm.live[-1], REJECTED)
    for _ in range(3):
        swarm.step(10)
    assert [task.id for task in swarm.live] == [old.id], "it serves on"
    assert len(swarm.tasks) == 2
    assert swarm.service.update is not None
    assert swarm.service.update.state == "completed"


def test_what_was_given_up_after_a_rollback_stays_so() -> None:
    template = {"RestartPolicy": {"Condition": "none"}}
    swarm = Swarm(service_spec(replicas=1, template=template))
    swarm.agent()
    old = swarm.live[0]
    config = {**CONTINUE, "FailureAction": "rollback"}
    swarm.update(service_spec(replicas=1, template={**template, "ForceUpdate": 1}, UpdateConfig=config))
    swarm.settle()
    swarm.observe(swarm.live[-1], REJECTED)
    swarm.settle()
    swarm.step(10)
    swarm.observe(old, FAILED)
    swarm.settle()
    assert swarm.live == [], "the policy leaves it at that"
    assert swarm.service.update is not None
    assert swarm.service.update.state == "rollback_completed"


def test_the_failure_ratio_is_strict() -> None:
    swarm = running(replicas=4)
    config = {"Parallelism": 4, "MaxFailureRatio": 0.3}
    swarm.update(image("2", replicas=4, UpdateConfig=config))
    fail_new(swarm, "2")
    assert swarm.service.update is not None
    assert swarm.service.update.state == "updating"
    fail_new(swarm, "2")


def test_a_new_update_ends_a_half_made_task_first() -> None:
    swarm = running(replicas=1)
    swarm.update(image("2", replicas=1))
    swarm.settle()
    swarm.update(image("3", replicas=1))
    swarm.settle()
    assert images(swarm) == ["app:1", "app:3"]
    half_made = next(task for task in swarm.tasks if task.spec.raw["ContainerSpec"]["Image"] == "app:2")
    assert half_made.desired == SHUTDOWN
    swarm.agent()
    assert images(swarm) == ["app:3"]


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_a_superseded_task_that_is_not_ready_yet_does_not_make_a_third(order: str) -> None:
    swarm = running(replicas=1)
    old = swarm.live[0]
    config = {"Parallelism": 1, "Order": "start-first"}
    swarm.update(image("2", replicas=1, UpdateConfig=config))
    swarm.settle()
    swarm.observe(swarm.live[-1], STARTING)
    swarm.update(image("3", replicas=1, UpdateConfig={**config, "Order": order}))
    swarm.settle()
    assert images(swarm) == ["app:1", "app:3"]
    assert swarm.view.tasks[old.id].live, "it serves"
    assert swarm.live[-1].follows == (old.id if order == "stop-first" else "")


def test_two_superseded_tasks_that_serve_do_not_make_a_third() -> None:
    swarm = running(replicas=2)
    swarm.update(image("2", UpdateConfig={"Parallelism": 0, "Order": "start-first"}))
    swarm.settle()
    for task in swarm.live:
        if task.slot == 2 and task.status.state < STARTING:
            swarm.observe(task, STARTING)
    swarm.update(image("3", UpdateConfig={"Parallelism": 1, "Order": "start-first"}))
    swarm.settle()
    second = next(
        task for task in swarm.live if task.slot == 2 and "2" in task.spec.raw["ContainerSpec"]["Image"]
    )
    swarm.observe(second, RUNNING)
    swarm.observe(
        next(task for task in swarm.live if "3" in task.spec.raw["ContainerSpec"]["Image"]), RUNNING
    )
    for task in swarm.tasks:
        if not task.live and not task.status.state.terminal:
            swarm.observe(task, SHUTDOWN)
    swarm.settle()
    in_second = [task for task in swarm.live if task.slot == 2]
    assert [task.spec.raw["ContainerSpec"]["Image"] for task in in_second] == ["app:2", "app:3"]


def test_of_two_superseded_tasks_one_serves_on_while_the_update_is_paused() -> None:
    swarm = running(replicas=1)
    swarm.update(image("2", replicas=1, UpdateConfig={"Order": "start-first"}))
    swarm.settle()
    new = swarm.live[-1]
    swarm.observe(new, STARTING)
    swarm.update(image("3", replicas=1))
    swarm.put(replace(swarm.service, update=UpdateStatus("paused", "", swarm.now)))
    swarm.observe(new, RUNNING)
    swarm.settle()
    assert images(swarm) == ["app:2"]


def test_an_update_goes_on_with_what_the_one_before_had_begun() -> None:
    swarm = running(replicas=3)
    swarm.update(image("2", replicas=3, UpdateConfig={"Parallelism": 1}))
    swarm.settle()
    half_done = swarm.live[-1]
    swarm.update(image("2", replicas=3, Labels={"new": "label"}, UpdateConfig={"Parallelism": 1}))
    swarm.settle()
    assert images(swarm).count("app:2") == 1, "one slot at a time"
    assert swarm.service.update is not None
    assert swarm.service.update.total == 3
    swarm.observe(half_done, REJECTED)
    swarm.settle()
    assert swarm.service.update.state == "paused", "it is watched"


def test_a_superseded_task_that_fails_beside_one_that_serves_waits_for_its_slots_turn() -> None:
    swarm = running(replicas=2)
    swarm.update(image("2", UpdateConfig={"Parallelism": 0}))
    swarm.settle()
    second = next(task for task in swarm.live if task.slot == 2 and task.status.state != RUNNING)
    swarm.observe(second, REJECTED)
    swarm.update(image("3", UpdateConfig={"Parallelism": 1}))
    swarm.settle()
    assert images(swarm) == ["app:1", "app:3", "app:1"], "or both would be down at the same time"
    swarm.agent()
    swarm.step(6)
    assert images(swarm) == ["app:3", "app:3"]


def test_a_rollback_goes_on_with_a_try_that_waits_for_its_restart_delay() -> None:
    swarm = running(replicas=1)
    swarm.update(image("2", replicas=1, UpdateConfig={"FailureAction": "continue"}))
    swarm.settle()
    swarm.observe(swarm.live[-1], REJECTED)  # before its predecessor was told to go
    swarm.settle()
    swarm.update(image("2", replicas=1, Labels={"new": "label"}))
    swarm.settle()
    assert swarm.service.update is not None
    assert swarm.service.update.state == "updating", "the old task still serves"


def test_a_bad_image_does_not_cost_the_old_task() -> None:
    swarm = running(replicas=1)
    old = swarm.live[0]
    swarm.update(image("missing", replicas=1))
    swarm.settle()
    swarm.observe(swarm.live[-1], REJECTED)
    swarm.settle()
    assert swarm.service.update is not None
    assert swarm.service.update.state == "paused"
    assert swarm.view.tasks[old.id].live
