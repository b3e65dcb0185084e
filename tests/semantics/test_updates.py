"""Updates and rollbacks as Swarm has them, where no other test of the core tells."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.api.wire.services import service_status
from skerry.core import revisions
from skerry.model.defaults import SECOND
from skerry.model.objects import Raw, Task, UpdateStatus
from tests.core.world import COMPLETE, FAILED, READY, REJECTED, RUNNING, SHUTDOWN, Swarm, service_spec

DUE_TO = "due to failure or early termination of task"


def image(tag: str, replicas: int = 1, back: Raw | None = None, **config: object) -> Raw:
    """A spec with an image and an update config; `back` is the rollback config."""
    template = {"ContainerSpec": {"Image": f"app:{tag}"}, "RestartPolicy": config.pop("policy", {})}
    more = {"RollbackConfig": {"Parallelism": 1, **back}} if back is not None else {}
    return service_spec(
        template=template, replicas=replicas, UpdateConfig={"Parallelism": 1, **config}, **more
    )


def updated(replicas: int = 1, back: Raw | None = None, **config: object) -> Swarm:
    """A swarm that runs `app:1` for a minute, and has just been told to run `app:2`."""
    swarm = Swarm(image("1", replicas, back, **config))
    swarm.agent()
    swarm.step(60)
    swarm.update(image("2", replicas, back, **config))
    swarm.settle()
    return swarm


def of(swarm: Swarm, tag: str) -> list[Task]:
    """The tasks of an image, oldest first."""
    return [task for task in swarm.tasks if task.spec.raw["ContainerSpec"]["Image"] == f"app:{tag}"]


def wanted(swarm: Swarm) -> list[str]:
    """The images of the wanted tasks, by slot."""
    found = sorted(swarm.live, key=lambda task: (task.slot, task.created_at))
    return [task.spec.raw["ContainerSpec"]["Image"] for task in found]


def status(swarm: Swarm) -> UpdateStatus:
    assert swarm.service.update is not None
    return swarm.service.update


def begin(swarm: Swarm, task: Task) -> None:
    """A new task starts; what makes way for it stops."""
    swarm.observe(task, READY)
    swarm.settle()
    for old in swarm.tasks:
        if not old.live and not old.status.state.terminal:
            swarm.observe(old, SHUTDOWN)
    swarm.settle()
    swarm.observe(task, RUNNING)
    swarm.settle()


def fail(swarm: Swarm, task: Task) -> None:
    """A task ends with an error."""
    swarm.observe(task, FAILED)
    swarm.settle()


# ---- beginning and end


def test_an_update_begins_with_these_words_and_ends_with_those() -> None:
    swarm = updated()
    begun = status(swarm)
    assert (begun.state, begun.message, begun.started_at) == ("updating", "update in progress", swarm.now)
    assert begun.completed_at is None
    swarm.agent()
    swarm.step(5)
    done = status(swarm)
    assert (done.state, done.message) == ("completed", "update completed")
    assert (done.started_at, done.completed_at) == (begun.started_at, swarm.now)


def test_a_delay_that_is_longer_than_the_monitor_is_waited_for_once_more() -> None:
    swarm = updated(Delay=8 * SECOND)
    swarm.agent()
    assert swarm.settle().wake_at is not None
    swarm.step(8.9)
    assert status(swarm).state == "updating"
    swarm.step(0.1)
    assert status(swarm).state == "completed"


@pytest.mark.parametrize("change", [{"Labels": {"a": "b"}}, {"UpdateConfig": {"Parallelism": 3}}])
def test_what_is_no_part_of_a_task_replaces_nothing(change: Raw) -> None:
    swarm = Swarm(image("1", 2))
    swarm.agent()
    before = [task.id for task in swarm.tasks]
    swarm.update({**image("1", 2), **change})
    swarm.agent()
    assert [task.id for task in swarm.tasks] == before
    assert swarm.service.update is None


@pytest.mark.parametrize("replicas", [0, 1, 4])
def test_scaling_is_no_update(replicas: int) -> None:
    swarm = Swarm(image("1", 2))
    swarm.agent()
    before = {task.id for task in swarm.live}
    swarm.update(image("1", replicas))
    swarm.agent()
    assert len(swarm.live) == replicas
    assert before <= {task.id for task in swarm.live} or replicas < 2
    assert swarm.service.update is None


def test_slots_that_are_added_with_a_new_image_have_it_at_once() -> None:
    swarm = Swarm(image("1", 2))
    swarm.agent()
    swarm.update(image("2", 4))
    swarm.settle()
    assert {task.slot: task.desired for task in of(swarm, "2")} == {1: READY, 3: RUNNING, 4: RUNNING}
    assert [task.status.state for task in of(swarm, "1") if task.live] == [RUNNING, RUNNING]


def test_slots_that_are_too_many_go_before_any_is_replaced() -> None:
    swarm = Swarm(image("1", 3))
    swarm.agent()
    swarm.update(image("2", 1))
    swarm.settle()
    assert {task.slot for task in swarm.live} == {1}
    assert [task.slot for task in of(swarm, "2")] == [1]


def test_slots_that_serve_nobody_are_replaced_first() -> None:
    swarm = Swarm(image("1", 3))
    swarm.agent()
    fail(swarm, swarm.tasks[2])
    swarm.update(image("2", 3))
    swarm.settle()
    assert [task.slot for task in of(swarm, "2")] == [3]


def test_a_slot_with_two_tasks_keeps_one() -> None:
    swarm = Swarm(image("1"))
    swarm.agent()
    swarm.put(replace(swarm.tasks[0], id="twin"))
    swarm.settle()
    assert [task.live for task in swarm.tasks].count(True) == 1


def test_the_same_spec_again_disturbs_no_update() -> None:
    swarm = updated(2)
    half_made = {task.id for task in of(swarm, "2")}
    swarm.update(image("2", 2))
    swarm.settle()
    assert half_made <= {task.id for task in swarm.live}
    assert status(swarm).state == "updating"
    swarm.agent()
    swarm.step(6)
    assert status(swarm).state == "completed"
    assert [task.slot for task in of(swarm, "2")] == [1, 2], "nothing was made twice"
    assert wanted(swarm) == ["app:2", "app:2"]


def test_another_spec_starts_the_update_anew() -> None:
    swarm = updated(2)
    first = status(swarm).started_at
    swarm.now += 3 * SECOND
    swarm.update(image("3", 2))
    assert swarm.service.update is None
    swarm.settle()
    assert (status(swarm).state, status(swarm).started_at) == ("updating", first + 3 * SECOND)


# ---- failures


@pytest.mark.parametrize("end", [COMPLETE, FAILED, REJECTED])
def test_any_end_within_the_monitor_is_a_failure(end: object) -> None:
    swarm = updated()
    new = of(swarm, "2")[0]
    begin(swarm, new)
    swarm.step(1)
    swarm.observe(new, end)  # type: ignore[arg-type]
    swarm.settle()
    assert (status(swarm).state, status(swarm).message) == ("paused", f"update paused {DUE_TO} {new.id}")


def test_what_the_restart_policy_makes_does_not_count() -> None:
    swarm = updated(4, MaxFailureRatio=0.3, policy={"Condition": "any", "Delay": 0})
    first = of(swarm, "2")[0]
    begin(swarm, first)
    fail(swarm, first)
    for _ in range(3):
        again = next(task for task in of(swarm, "2") if task.slot == first.slot and task.live)
        begin(swarm, again)
        fail(swarm, again)
    assert status(swarm).state == "updating"


def paused() -> Swarm:
    """An update of three slots that was paused when its first task failed; the second is under way."""
    swarm = updated(3)
    new = of(swarm, "2")[0]
    begin(swarm, new)
    fail(swarm, new)
    assert status(swarm).state == "paused"
    return swarm


def test_a_paused_update_stays_so_and_its_tasks_are_tried_again() -> None:
    swarm = paused()
    tries = len(of(swarm, "2"))
    for _ in range(3):
        swarm.step(100)
        swarm.agent()
        fail(swarm, next(task for task in of(swarm, "2") if task.live))
    assert len(of(swarm, "2")) > tries
    assert wanted(swarm) == ["app:2", "app:2", "app:1"], "what was under way is finished, the rest untouched"
    assert status(swarm).state == "paused"


def test_in_a_paused_update_an_old_task_that_dies_comes_back_with_the_new_spec() -> None:
    swarm = paused()
    swarm.step(60)
    swarm.agent()
    fail(swarm, next(task for task in of(swarm, "1") if task.live))
    assert wanted(swarm) == ["app:2", "app:2", "app:2"]


def test_a_new_update_leaves_the_pause() -> None:
    swarm = paused()
    swarm.update(image("3", 3))
    swarm.agent()
    swarm.step(6)
    assert (status(swarm).state, wanted(swarm)) == ("completed", ["app:3"] * 3)


def test_start_first_keeps_the_old_task_while_new_ones_crash() -> None:
    swarm = updated(Order="start-first")
    for _ in range(3):
        new = next(task for task in of(swarm, "2") if task.live)
        fail(swarm, new)
        swarm.step(70)
    assert status(swarm).state == "paused"
    assert [task.status.state for task in of(swarm, "1")] == [RUNNING]
    assert {task.slot for task in swarm.tasks} == {1}
    counted = service_status(swarm.view, swarm.service)
    assert (counted["RunningTasks"], counted["DesiredTasks"]) == (1, 1)


def test_continue_completes_though_nothing_runs() -> None:
    swarm = updated(2, FailureAction="continue")
    for _ in range(4):
        for task in of(swarm, "2"):
            if task.live and not task.status.state.terminal:
                begin(swarm, task)
                fail(swarm, task)
        swarm.step(1)
    swarm.step(6)
    assert status(swarm).state == "completed"
    assert [task for task in swarm.tasks if task.status.state == RUNNING] == []


# ---- rollbacks


def rolled_back(**back: object) -> Swarm:
    """An update of two slots that was rolled back when the second slot's new task failed."""
    swarm = updated(2, back, FailureAction="rollback")
    for _ in range(2):
        begin(swarm, next(task for task in of(swarm, "2") if task.status.state < RUNNING))
    swarm.step(1)
    fail(swarm, of(swarm, "2")[1])
    return swarm


def test_an_automatic_rollback_goes_by_its_own_settings() -> None:
    swarm = updated(2, {"Parallelism": 0, "Monitor": 2 * SECOND}, FailureAction="rollback")
    began, bad = status(swarm).started_at, of(swarm, "2")[0]
    begin(swarm, bad)
    begin(swarm, of(swarm, "2")[1])
    swarm.step(1)
    fail(swarm, bad)
    now = status(swarm)
    assert (now.state, now.message) == ("rollback_started", f"update rolled back {DUE_TO} {bad.id}")
    assert (now.started_at, now.completed_at) == (began, None)
    assert revisions.previous(swarm.view, swarm.service) is None
    assert len([task for task in of(swarm, "1") if task.live]) == 2, "both slots at once"
    swarm.agent()
    swarm.step(1.9)
    assert status(swarm).state == "rollback_started"
    swarm.step(0.1)
    done = status(swarm)
    assert (done.state, done.message) == ("rollback_completed", "rollback completed")
    assert (done.started_at, done.completed_at) == (began, swarm.now)
    assert wanted(swarm) == ["app:1", "app:1"]


def test_a_failing_rollback_is_paused_in_swarms_words() -> None:
    swarm = rolled_back(FailureAction="pause")
    assert status(swarm).state == "rollback_started"
    back = next(task for task in of(swarm, "1") if task.live)
    begin(swarm, back)
    fail(swarm, back)
    assert (status(swarm).state, status(swarm).message) == (
        "rollback_paused",
        f"update paused {DUE_TO} {back.id}",
    )
    swarm.step(3600)
    assert status(swarm).state == "rollback_paused"


def test_a_failing_rollback_may_go_on() -> None:
    swarm = rolled_back(FailureAction="continue")
    back = next(task for task in of(swarm, "1") if task.live)
    begin(swarm, back)
    fail(swarm, back)
    swarm.agent()
    swarm.step(60)
    swarm.agent()
    swarm.step(6)
    assert status(swarm).state == "rollback_completed"


def ask_back(swarm: Swarm) -> None:
    """What `service rollback` does."""
    previous = revisions.previous(swarm.view, swarm.service)
    assert previous is not None
    asked = UpdateStatus("rollback_started", "manually requested rollback", started_at=swarm.now)
    swarm.put(revisions.restored(swarm.view, swarm.service, previous, asked))
    swarm.settle()


def test_a_manual_rollback_of_labels_is_complete_at_once() -> None:
    swarm = Swarm(image("1", 2))
    swarm.agent()
    before = [task.id for task in swarm.tasks]
    swarm.update({**image("1", 2), "Labels": {"a": "b"}})
    swarm.agent()
    ask_back(swarm)
    done = status(swarm)
    assert (done.state, done.message) == ("rollback_completed", "rollback completed")
    assert done.completed_at == swarm.now
    assert [task.id for task in swarm.tasks] == before


def test_a_manual_rollback_in_the_middle_ends_what_was_half_made() -> None:
    swarm = updated(2)
    kept = {task.id for task in of(swarm, "1")}
    half_made = of(swarm, "2")[0]
    ask_back(swarm)
    assert not swarm.view.tasks[half_made.id].live
    assert {task.id for task in swarm.live} == kept
    swarm.agent()
    assert {task.id for task in swarm.live} == kept


def test_a_manual_rollback_leaves_the_pause() -> None:
    swarm = paused()
    ask_back(swarm)
    swarm.agent()
    swarm.step(6)
    assert (status(swarm).state, wanted(swarm)) == ("rollback_completed", ["app:1"] * 3)
