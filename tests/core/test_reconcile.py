"""The life of a service, decision by decision."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core import revisions
from skerry.core.reconcile import reconcile
from skerry.model.objects import Cluster, Endpoint, Node, Port, UpdateStatus
from tests.core.world import (
    COMPLETE,
    FAILED,
    READY,
    REJECTED,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    STARTING,
    Swarm,
    service_spec,
)

CONTINUE = {"Parallelism": 1, "FailureAction": "continue", "Order": "start-first"}


def image(tag: str, **more: object) -> dict[str, object]:
    """A spec with another image."""
    return service_spec(template={"ContainerSpec": {"Image": f"app:{tag}"}}, **more)


def images(swarm: Swarm) -> list[str]:
    """The images of the wanted tasks, by slot."""
    found = sorted(swarm.live, key=lambda task: (task.slot, task.created_at))
    return [task.spec["ContainerSpec"]["Image"] for task in found]


def running(tag: str = "1", **more: object) -> Swarm:
    """A swarm whose service runs."""
    swarm = Swarm(image(tag, **more))
    swarm.agent()
    return swarm


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


# ---- restart policy


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
    now = {task.slot: task.spec.get("ForceUpdate") for task in swarm.live}
    assert now == {1: 1, 2: None}, "the delay is not over"


# ---- updates


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
    swarm.update({**image("2"), "UpdateConfig": swarm.service.spec["UpdateConfig"]})
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
        new = next(task for task in swarm.live if task.spec["ContainerSpec"]["Image"] == f"app:{tag}")
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
    tried = [task for task in swarm.tasks if task.spec["ContainerSpec"]["Image"] == "app:2"]
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
    assert (new.spec["ContainerSpec"]["Image"], new.start_after) == ("app:1", 0)
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
    half_made = next(task for task in swarm.tasks if task.spec["ContainerSpec"]["Image"] == "app:2")
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
        task for task in swarm.live if task.slot == 2 and "2" in task.spec["ContainerSpec"]["Image"]
    )
    swarm.observe(second, RUNNING)
    swarm.observe(next(task for task in swarm.live if "3" in task.spec["ContainerSpec"]["Image"]), RUNNING)
    for task in swarm.tasks:
        if not task.live and not task.status.state.terminal:
            swarm.observe(task, SHUTDOWN)
    swarm.settle()
    in_second = [task for task in swarm.live if task.slot == 2]
    assert [task.spec["ContainerSpec"]["Image"] for task in in_second] == ["app:2", "app:3"]


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


# ---- placement


def test_a_published_port_waits_for_its_reservation() -> None:
    spec = service_spec(replicas=1, EndpointSpec={"Ports": [{"TargetPort": 80, "PublishedPort": 80}]})
    swarm = Swarm(spec)
    swarm.put(replace(swarm.service, endpoint=Endpoint(ports=(Port(80, 80),))))
    swarm.settle()
    assert (swarm.tasks[0].status.state.word, swarm.tasks[0].status.err) == ("pending", "")
    swarm.put(replace(swarm.view.nodes["n"], ports_err={"tcp/80": "address already in use"}))
    swarm.settle()
    assert "host-mode port already in use on 1 node" in swarm.tasks[0].status.err
    swarm.put(replace(swarm.view.nodes["n"], ports_err={}, reserved=("tcp/80",)))
    swarm.settle()
    assert swarm.tasks[0].status.state.word == "assigned"
    assert swarm.tasks[0].status.err == ""


def test_two_slots_cannot_share_a_host_port_but_a_successor_may_overlap() -> None:
    ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 80, "PublishMode": "host"}]}
    order = {"Parallelism": 1, "Order": "start-first"}
    swarm = Swarm(service_spec(EndpointSpec=ports), reserved=("tcp/80",))
    swarm.put(replace(swarm.service, endpoint=Endpoint(ports=(Port(80, 80, mode="host"),))))
    swarm.agent()
    words = [task.status.err for task in swarm.tasks]
    assert words == ["", "no suitable node (host-mode port already in use on 1 node)"]
    swarm.update(service_spec(replicas=1, EndpointSpec=ports))
    swarm.agent()
    swarm.update(image("2", replicas=1, EndpointSpec=ports, UpdateConfig=order))
    swarm.settle()
    assert [task.status.state.word for task in swarm.live] == ["running", "assigned"]


@pytest.mark.parametrize(
    ("constraint", "fits"),
    [
        ("node.role == manager", True),
        ("node.role==worker", False),
        ("node.role != worker", True),
        ("node.hostname == HOST", True),
        ("node.labels.disk == ssd", True),
        ("node.labels.gpu == ", True),
        ("node.ip == 127.0.0.0/8", True),
        ("no.such.key == x", False),
    ],
)
def test_constraints(constraint: str, fits: bool) -> None:
    swarm = Swarm(service_spec(replicas=1, template={"Placement": {"Constraints": [constraint]}}))
    node = swarm.view.nodes["n"]
    swarm.put(Node("n", node.hostname, {**node.spec, "Labels": {"disk": "ssd"}}))
    swarm.settle()
    assert (swarm.tasks[0].status.err == "") == fits


def test_a_removed_service_takes_its_tasks_along() -> None:
    swarm = running()
    swarm.delete(swarm.service)
    swarm.apply(reconcile(swarm.view, "s", swarm.now))
    assert {task.desired.word for task in swarm.tasks} == {"remove"}
