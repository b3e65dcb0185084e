"""Updates at their edges: what counts as a failure, what is tried again, what the core wakes up for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core.reconcile import reconcile
from skerry.model.defaults import PREDECESSOR_WAIT, SECOND
from skerry.model.objects import Cluster, Endpoint, Port, Raw, Task, UpdateStatus
from skerry.model.states import TaskState
from tests.core.world import FAILED, READY, REJECTED, RUNNING, SHUTDOWN, STARTING, Swarm, service_spec
from tests.support.specs import of_endpoint


def image(tag: str, **config: object) -> Raw:
    """A spec with another image and an update config; `replicas`, `policy` and `ports` go elsewhere."""
    template: Raw = {"ContainerSpec": {"Image": f"app:{tag}"}}
    if "policy" in config:
        template["RestartPolicy"] = config.pop("policy")
    more = {"EndpointSpec": {"Ports": config.pop("ports")}} if "ports" in config else {}
    replicas = config.pop("replicas", 1)
    return service_spec(
        template=template, replicas=replicas, UpdateConfig={"Parallelism": 1, **config}, **more
    )


def updated(**config: object) -> Swarm:
    """A swarm that runs `app:1` and has just been told to run `app:2`."""
    swarm = Swarm(image("1", **config))
    swarm.agent()
    swarm.step(60)
    swarm.update(image("2", **config))
    swarm.settle()
    return swarm


def of(swarm: Swarm, tag: str) -> list[Task]:
    """The tasks of an image, oldest first."""
    return [task for task in swarm.tasks if task.spec.raw["ContainerSpec"]["Image"] == f"app:{tag}"]


def state(swarm: Swarm) -> str:
    return swarm.service.update.state if swarm.service.update is not None else ""


@pytest.mark.parametrize(("after", "ends"), [(4.9, "paused"), (5.1, "completed")])
def test_a_failure_counts_within_the_monitor(after: float, ends: str) -> None:
    swarm = updated()
    swarm.agent()
    swarm.step(after)
    swarm.observe(of(swarm, "2")[0], FAILED)
    swarm.settle()
    assert state(swarm) == ends


def test_it_wakes_up_when_the_monitor_ends() -> None:
    swarm = updated()
    swarm.agent()
    plan = swarm.settle()
    assert plan.wake_at == of(swarm, "2")[0].running_at + 5 * SECOND
    assert (plan.note.until, plan.note.of) == (plan.wake_at, 5 * SECOND)


def zoned(tag: str) -> Raw:
    """A global service that wants a node of zone a."""
    where = {"Placement": {"Constraints": ["node.labels.zone==a"]}}
    return service_spec(template={"ContainerSpec": {"Image": f"app:{tag}"}, **where}, Mode={"Global": {}})


def in_zone_a() -> Swarm:
    """A node of zone a, on which its first version runs."""
    swarm = Swarm(zoned("1"))
    swarm.set_node(zone="a")
    swarm.agent()
    swarm.step(60)
    return swarm


def test_an_update_whose_place_is_gone_is_watched_to_its_end() -> None:
    swarm = in_zone_a()
    swarm.update(zoned("2"))
    swarm.agent()
    swarm.step(1)
    swarm.set_node(zone="b")
    swarm.agent()
    assert (state(swarm), swarm.live) == ("updating", [])
    assert swarm.settle().wake_at == of(swarm, "2")[0].running_at + 5 * SECOND
    swarm.step(4)
    assert state(swarm) == "completed"


def test_a_place_that_goes_before_its_task_has_begun_is_watched_too() -> None:
    swarm = in_zone_a()
    swarm.update({**zoned("2"), "UpdateConfig": {"Parallelism": 1, "Order": "start-first"}})
    swarm.settle()
    swarm.set_node(zone="b")
    swarm.agent()
    assert (state(swarm), swarm.live) == ("updating", [])
    swarm.step(5)
    assert state(swarm) == "completed"


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_a_node_that_suits_again_leaves_the_running_task_and_the_next_slot_has_its_turn(order: str) -> None:
    config = {"UpdateConfig": {"Parallelism": 1, "Order": order}}
    swarm = Swarm(service_spec(replicas=2, template={"ContainerSpec": {"Image": "app:1"}}, **config))
    swarm.agent()
    second = {"ContainerSpec": {"Image": "app:2"}}
    swarm.update(service_spec(replicas=2, template=second, **config))
    swarm.settle()
    for task in of(swarm, "2"):
        swarm.observe(task, RUNNING)  # the old one of its slot still stops
    there = {**second, "Placement": {"Constraints": ["node.labels.zone==a"]}}
    swarm.update(service_spec(replicas=2, template=there, **config))
    swarm.settle()
    assert [task.status.state for task in of(swarm, "2")] == [RUNNING, TaskState.PENDING]
    swarm.set_node(zone="a")
    swarm.apply(reconcile(swarm.view, "s", swarm.now))
    again = reconcile(swarm.view, "s", swarm.now)
    assert again.empty, again
    assert [task.slot for task in of(swarm, "2") if task.live] == [1, 2]


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_a_slot_whose_new_task_the_node_ceased_to_suit_has_another_turn(order: str) -> None:
    config = {"UpdateConfig": {"Parallelism": 1, "Order": order, "FailureAction": "continue"}}
    swarm = Swarm(service_spec(replicas=1, template={"ContainerSpec": {"Image": "app:1"}}, **config))
    swarm.set_node(zone="a")
    swarm.agent()
    second = {"ContainerSpec": {"Image": "app:2"}, "Placement": {"Constraints": ["node.labels.zone==a"]}}
    swarm.update(service_spec(replicas=1, template=second, **config))
    swarm.settle()
    swarm.set_node(zone="b")
    swarm.settle()
    assert of(swarm, "1")[0].live, "it serves on"
    swarm.observe(of(swarm, "2")[0], REJECTED)
    swarm.settle()
    assert state(swarm) == "updating"
    swarm.set_node(zone="a")
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING]
    assert of(swarm, "2")[-1].live
    swarm.step(6)
    assert state(swarm) == "completed"


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
@pytest.mark.parametrize("mode", ["ingress", "host"], ids=["placed", "waiting for its port"])
def test_on_a_drained_node_a_successor_waits_for_the_task_that_leaves(order: str, mode: str) -> None:
    ports = [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 80, "PublishMode": mode}]
    swarm = updated(Order="start-first", ports=ports)
    swarm.update(image("3", Order=order, ports=ports))
    swarm.set_node(availability="drain")
    swarm.settle()
    (old,) = of(swarm, "1")
    assert (old.desired, old.status.state) == (SHUTDOWN, RUNNING)
    assert [task.follows for task in swarm.live] == [old.id]


def test_a_replacement_that_an_update_takes_over_is_taken_over_at_once() -> None:
    """Else the next pass would write it again."""
    config = {"replicas": 2, "Order": "start-first", "FailureAction": "continue"}
    swarm = Swarm(image("1", **config, Parallelism=2))
    for tag, parallelism in (("2", 2), ("3", 1)):
        swarm.settle()
        for task in swarm.live:
            swarm.observe(task, STARTING)
        swarm.update(image(tag, **config, Parallelism=parallelism))
    swarm.settle()
    swarm.observe(of(swarm, "2")[1], FAILED)
    swarm.apply(reconcile(swarm.view, "s", swarm.now))
    plan = reconcile(swarm.view, "s", swarm.now)
    assert plan.empty, plan.note


def test_a_ratio_that_is_reached_but_not_passed() -> None:
    swarm = updated(replicas=4, Parallelism=4, MaxFailureRatio=0.25, Order="start-first")
    swarm.observe(of(swarm, "2")[0], FAILED)
    swarm.settle()
    assert state(swarm) == "updating"
    swarm.observe(of(swarm, "2")[1], FAILED)
    swarm.settle()
    assert state(swarm) == "paused"


def test_a_rollback_is_not_rolled_back() -> None:
    config = {"Parallelism": 1, "FailureAction": "rollback", "MaxFailureRatio": 0}
    swarm = Swarm({**image("1"), "RollbackConfig": config})
    swarm.agent()
    for tag in ("2", "3"):
        swarm.step(60)
        swarm.update({**image(tag, **config), "RollbackConfig": config})
        swarm.settle()
        swarm.observe(of(swarm, tag)[0], READY)
        swarm.agent()
    swarm.observe(of(swarm, "3")[0], FAILED)
    swarm.settle()
    assert (state(swarm), swarm.service.revision) == ("rollback_started", 2)
    back = of(swarm, "2")[-1]
    assert back.live
    swarm.observe(back, REJECTED)
    swarm.settle()
    assert (state(swarm), swarm.service.revision) == ("rollback_paused", 2)
    assert swarm.service.update is not None
    assert swarm.service.update.message.startswith("rollback paused due to failure or early termination")


def test_what_the_restart_policy_gives_up_is_not_tried_again_by_the_update() -> None:
    policy = {"Condition": "none"}
    swarm = updated(FailureAction="continue", Order="start-first", policy=policy)
    for _ in range(5):
        for task in of(swarm, "2"):
            if task.live and not task.status.state.terminal:
                swarm.observe(task, FAILED)
        swarm.step(10)
    assert len(of(swarm, "2")) == 1
    assert state(swarm) == "completed"
    assert [task.status.state for task in of(swarm, "1")] == [RUNNING]


def test_a_failed_successor_keeps_the_order_and_the_delay() -> None:
    swarm = updated(FailureAction="continue")
    old, new = of(swarm, "1")[0], of(swarm, "2")[0]
    swarm.observe(new, REJECTED)
    swarm.settle()
    again = of(swarm, "2")[1]
    assert again.follows == old.id
    swarm.observe(again, READY)
    swarm.step(4.9)
    assert swarm.view.tasks[old.id].live, "the delay of the next try has not passed"
    swarm.step(0.1)
    assert swarm.view.tasks[old.id].desired == SHUTDOWN
    assert swarm.view.tasks[again.id].desired == READY
    plan = swarm.settle()
    assert plan.wake_at == swarm.now + PREDECESSOR_WAIT
    swarm.observe(old, SHUTDOWN)
    swarm.settle()
    assert swarm.view.tasks[again.id].desired == RUNNING


def test_a_predecessor_that_does_not_stop_is_waited_for_only_so_long() -> None:
    swarm = updated()
    new = of(swarm, "2")[0]
    swarm.observe(new, READY)
    swarm.settle()
    swarm.step(PREDECESSOR_WAIT / SECOND - 0.1)
    assert swarm.view.tasks[new.id].desired == READY
    swarm.step(0.1)
    assert swarm.view.tasks[new.id].desired == RUNNING


def test_the_first_of_several_wake_ups_counts() -> None:
    policy = {"Condition": "any", "Delay": 20 * SECOND}
    swarm = Swarm(image("1", replicas=2, policy=policy))
    swarm.agent()
    swarm.observe(swarm.tasks[0], FAILED)
    swarm.step(7)
    first = swarm.live[-1].start_after
    swarm.observe(swarm.tasks[1], FAILED)
    assert swarm.settle().wake_at == first


def test_a_port_change_replaces_and_a_rollback_brings_the_old_port_back() -> None:
    swarm = Swarm(image("1", ports=[{"TargetPort": 80, "PublishedPort": 80}]), reserved=("tcp/80", "tcp/81"))
    swarm.put(replace(swarm.service, endpoint=Endpoint(ports=(Port(80, 80),))))
    swarm.agent()
    spec = image(
        "1", ports=[{"TargetPort": 80, "PublishedPort": 81}], FailureAction="rollback", Order="start-first"
    )
    swarm.update(spec)
    swarm.put(replace(swarm.service, endpoint=Endpoint(ports=(Port(80, 81),))))
    swarm.settle()
    new = swarm.live[-1]
    assert (state(swarm), new.endpoint_spec) == ("updating", of_endpoint(spec["EndpointSpec"]))
    swarm.observe(new, FAILED)
    swarm.settle()
    assert state(swarm) == "rollback_completed"
    assert [port.published for port in swarm.service.endpoint.ports] == [80]


def test_after_a_rollback_the_newer_tasks_are_out_of_date() -> None:
    swarm = updated()
    swarm.agent()
    swarm.step(6)
    first = swarm.view.revisions["s.1"]
    swarm.put(
        replace(swarm.service, spec=first.spec, spec_version=first.spec_version, revision=1, update=None)
    )
    swarm.agent()
    assert [task.spec.raw["ContainerSpec"]["Image"] for task in swarm.live] == ["app:1"]


def with_history(swarm: Swarm, limit: int) -> Swarm:
    swarm.put(Cluster("c", "n", {"Orchestration": {"TaskHistoryRetentionLimit": limit}}))
    return swarm


def test_however_short_the_history_a_failure_is_seen_first() -> None:
    swarm = with_history(updated(Order="start-first"), 1)
    swarm.observe(of(swarm, "2")[0], FAILED)
    swarm.settle()
    assert state(swarm) == "paused"


def test_however_short_the_history_a_slot_that_was_given_up_stays_so() -> None:
    swarm = with_history(Swarm(image("1", policy={"Condition": "none"})), 0)
    swarm.agent()
    swarm.observe(swarm.tasks[0], FAILED)
    for _ in range(3):
        swarm.step(60)
    assert [task.id for task in swarm.tasks] == ["t1"]


def test_the_window_of_the_restart_policy() -> None:
    policy = {"Condition": "any", "Delay": 0, "MaxAttempts": 1, "Window": 30 * SECOND}
    swarm = Swarm(image("1", policy=policy))
    seen: set[str] = set()
    for pause, runs in ((1, 2), (40, 3), (1, 3)):
        swarm.agent()
        swarm.now += pause * SECOND
        for task in swarm.live:
            swarm.observe(task, FAILED)
        swarm.settle()
        seen |= {task.id for task in swarm.tasks}
        assert len(seen) == runs
        swarm.now += SECOND


def test_a_slot_that_is_scaled_away_is_free_at_once() -> None:
    policy = {"Condition": "on-failure"}
    swarm = Swarm(image("1", replicas=2, policy=policy))
    swarm.agent()
    swarm.update(image("1", replicas=1, policy=policy))
    swarm.settle()
    gone = next(task for task in swarm.tasks if not task.live)
    swarm.observe(gone, SHUTDOWN)
    swarm.put(
        replace(
            swarm.view.tasks[gone.id], status=replace(gone.status, state=type(gone.status.state).COMPLETE)
        )
    )
    swarm.update(image("1", replicas=2, policy=policy))
    swarm.settle()
    assert sorted(task.slot for task in swarm.live) == [1, 2]


def test_of_a_removed_service_what_was_never_placed_just_goes() -> None:
    swarm = Swarm(image("1"))
    swarm.set_node("drain")
    swarm.settle()
    swarm.delete(swarm.service)
    plan = reconcile(swarm.view, "s", swarm.now)
    assert [task.id for task in plan.deleted] == ["t1"]
    assert not plan.empty
    assert plan.tasks == ()


def test_scaling_down_spares_the_slot_that_serves() -> None:
    swarm = updated(replicas=2)
    new = of(swarm, "2")[0]
    swarm.observe(new, READY)
    swarm.settle()
    assert not swarm.view.tasks[new.follows].live, "it runs, but is told to stop"
    swarm.update(image("2", replicas=1))
    swarm.settle()
    assert {task.slot for task in swarm.live} == {2}


def test_however_short_the_history_what_failed_of_the_current_spec_is_remembered() -> None:
    config = {"FailureAction": "continue", "Order": "start-first", "policy": {"Condition": "none"}}
    swarm = with_history(updated(**config), 0)
    swarm.observe(of(swarm, "2")[0], FAILED)
    swarm.step(10)
    assert state(swarm) == "completed"
    swarm.observe(of(swarm, "1")[0], FAILED)
    for _ in range(3):
        swarm.step(60)
    assert [task for task in swarm.tasks if not task.status.state.terminal] == []


def test_the_swarms_own_limit_keeps_the_newest() -> None:
    swarm = with_history(Swarm(image("1", policy={"Condition": "any", "Delay": 0})), 3)
    for _ in range(5):
        swarm.agent()
        swarm.observe(swarm.live[-1], FAILED)
        swarm.step(1)
    assert [task.id for task in swarm.tasks] == ["t4", "t5", "t6"]


def test_what_was_half_made_of_a_superseded_spec_ends_even_while_its_slot_has_no_turn() -> None:
    swarm = updated(replicas=2)
    half_made = of(swarm, "2")[0]
    swarm.observe(of(swarm, "1")[1], RUNNING)
    swarm.update({**image("3", replicas=2), "TaskTemplate": {"ContainerSpec": {"Image": "app:3"}}})
    swarm.put(replace(swarm.service, update=UpdateStatus("paused", "update paused", swarm.now)))
    swarm.settle()
    assert swarm.view.tasks[half_made.id].desired == SHUTDOWN
    assert [task.status.state for task in of(swarm, "1")] == [RUNNING, RUNNING]
    assert all(task.live for task in of(swarm, "1"))


def test_of_two_that_have_ended_in_a_slot_one_speaks_for_it() -> None:
    swarm = Swarm(image("1"))
    swarm.agent()
    (old,) = swarm.live
    swarm.update(image("2", FailureAction="continue"))
    swarm.settle()
    for _ in range(2):  # the second one ends within the delay of the first
        swarm.observe(swarm.live[-1], REJECTED)
        swarm.settle()
    waiting = swarm.live[-1]
    assert (waiting.status.state, waiting.live) == (REJECTED, True)
    swarm.observe(old, FAILED)
    swarm.apply(reconcile(swarm.view, "s", swarm.now))
    assert swarm.live == [waiting]
    assert reconcile(swarm.view, "s", swarm.now).empty


def test_what_is_tried_again_after_a_rollback_to_stop_first_follows_whoever_serves() -> None:
    swarm = Swarm(image("1", replicas=2))
    swarm.agent()
    swarm.update(image("2", replicas=2))
    swarm.settle()
    swarm.update(image("2", replicas=2, Parallelism=0, Order="start-first", FailureAction="rollback"))
    swarm.settle()
    failed = swarm.live[-1]
    (serving,) = [task for task in swarm.live if task.slot == failed.slot and task is not failed]
    swarm.observe(failed, FAILED)
    swarm.settle()
    assert state(swarm) == "rollback_started"
    assert swarm.live[-1].follows == serving.id


@pytest.mark.parametrize("failing", [{2}, {2, 3}], ids=["as many as may be", "one more"])
def test_what_is_tried_again_takes_up_its_room_in_the_rollback_that_begins(failing: set[int]) -> None:
    """It is made in the pass that begins the rollback, which has no other slot's turn then."""

    def spec(tag: str) -> Raw:
        changed = image(tag, replicas=4, Parallelism=0, FailureAction="rollback", MaxFailureRatio=0.2)
        return {**changed, "RollbackConfig": {"Parallelism": 1}}

    swarm = Swarm(spec("1"))
    swarm.settle()
    for task in swarm.live:
        swarm.observe(task, STARTING)
    swarm.update(spec("2"))
    swarm.update(spec("3"))
    swarm.settle()
    for task in of(swarm, "3"):
        swarm.observe(task, REJECTED if task.slot in failing else READY)
    before = {task.id for task in swarm.tasks}
    swarm.settle()
    assert state(swarm) == "rollback_started"
    made = {task.slot: task for task in swarm.tasks if task.id not in before}
    assert made.keys() == failing
    assert all(task.update_started_at for task in made.values())
