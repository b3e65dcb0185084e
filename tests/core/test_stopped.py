"""Services that are stopped: nothing of them is wanted, and all else stays until they are started."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.control import services as control
from skerry.core.depends import waits
from skerry.core.phase import phase_of
from skerry.core.reconcile import reconcile
from skerry.core.service_traffic import alters_traffic, service_traffic
from skerry.core.stopped import is_over, refuses
from skerry.core.undo import ended
from skerry.core.why.answer import Scene, of_service, of_task
from skerry.model.defaults import SECOND
from skerry.model.objects import Raw, Service, UpdateStatus
from skerry.model.releases import Stop
from skerry.model.spec import Spec
from skerry.model.specs import ServiceSpec
from skerry.model.states import TaskState
from tests.control.swarm_of_one import converted
from tests.core.stack import Shop, job, service
from tests.core.world import READY, RUNNING, SHUTDOWN, Swarm, running, service_spec


def chain() -> Shop:
    """Three services, each of which needs the next; all of them run."""
    here = Shop()
    here.deploy(service("web", "app:healthy"), service("app", "db:healthy"), service("db"))
    here.live(20)
    assert set(here.running()) == {"web", "app", "db"}
    here.begun.clear()
    return here


def told(here: Shop, name: str) -> list[TaskState]:
    """What is desired of the tasks of a service that have not ended."""
    return [
        task.desired for task in here.view.tasks_of(here.named(name).id) if not task.status.state.terminal
    ]


def end(here: Shop, name: str) -> None:
    """The tasks of a service that were told to go have gone."""
    for task in here.view.tasks_of(here.named(name).id):
        if not task.live and not task.status.state.terminal:
            here.observe(task, SHUTDOWN)
    here.settle()


def test_a_stack_stops_in_the_reverse_of_its_order() -> None:
    here = chain()
    assert here.stop("db", "app", "web") == ["shop_db", "shop_app", "shop_web"]
    assert (told(here, "web"), told(here, "app"), told(here, "db")) == ([SHUTDOWN], [RUNNING], [RUNNING])
    assert here.note("app") == "stops once shop_web has stopped"
    assert reconcile(here.view, here.named("app").id, here.now).awaited == ("shop_web",)
    end(here, "web")
    assert (told(here, "app"), told(here, "db")) == ([SHUTDOWN], [RUNNING])
    end(here, "app")
    assert told(here, "db") == [SHUTDOWN]
    end(here, "db")
    here.live(100)
    assert here.running() == {}
    assert here.note("db") == "stopped by ann at 1970-01-01T00:17:00Z: skerry start shop/db"


def test_one_that_goes_on_keeps_nobody_from_stopping() -> None:
    here = chain()
    here.stop("db")
    assert told(here, "db") == [SHUTDOWN]
    here.live(10)
    assert set(here.running()) == {"web", "app"}


def test_it_starts_in_order_and_keeps_what_it_was() -> None:
    here = chain()
    before = {name: here.named(name) for name in ("web", "app", "db")}
    here.stop("db", "app", "web")
    here.live(10)
    assert here.start("db", "app", "web") == ["shop_app", "shop_db", "shop_web"]
    here.live(20)
    assert here.begun == ["db app:1", "app app:1", "web app:1"]
    for name, was in before.items():
        now = here.named(name)
        assert (now.spec, now.endpoint, now.revision, now.spec_version) == (
            was.spec,
            was.endpoint,
            was.revision,
            was.spec_version,
        )
    assert here.start("db") == []


def test_a_service_is_started_with_what_it_needs() -> None:
    here = chain()
    here.stop("db", "app", "web")
    here.live(10)
    assert here.start("app") == ["shop_app", "shop_db"]
    here.live(10)
    assert set(here.running()) == {"app", "db"}


def test_who_needs_one_that_is_stopped_says_so() -> None:
    here = chain()
    here.stop("db")
    (task,) = here.tasks("app")
    here.observe(task, TaskState.FAILED)
    here.live(10)
    (wait,) = waits(here.view, here.named("app"))
    assert wait.words == "waits for shop_db, which is stopped"
    assert "app" not in here.running()


def test_what_is_stopped_twice_says_who_did_it_first() -> None:
    here = chain()
    here.stop("web")
    first = here.named("web").stopped
    here.now += SECOND
    assert here.stop("web") == []
    assert here.named("web").stopped == first == Stop("ann", here.now - SECOND)


@pytest.mark.parametrize("spec", [service_spec(), service_spec(Mode={"Global": {}})], ids=["many", "one"])
def test_no_task_is_wanted_until_it_is_started(spec: Raw) -> None:
    swarm = Swarm(spec)
    swarm.agent()
    count = len(swarm.live)
    swarm.put(replace(swarm.service, stopped=Stop("", swarm.now)))
    swarm.agent()
    assert [task.status.state for task in swarm.tasks] == [SHUTDOWN] * count
    assert swarm.step(10_000).note.text == "stopped at 1970-01-01T00:16:40Z: skerry start app"
    swarm.put(replace(swarm.service, stopped=None, started_at=swarm.now))
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING] * count
    assert {task.slot for task in swarm.live} == {task.slot for task in swarm.tasks}


def test_what_has_not_begun_goes_at_once_though_others_are_waited_for() -> None:
    here = chain()
    here.view = here.view.put(replace(here.named("db"), spec=scaled(here, "db", 3)))
    here.settle()
    here.stop("db", "app", "web")
    states = {task.status.state: task.desired for task in here.view.tasks_of(here.named("db").id)}
    assert states[TaskState.RUNNING] == RUNNING
    assert {desired for state, desired in states.items() if state < READY} == {SHUTDOWN}


def scaled(here: Shop, name: str, count: int) -> Spec[ServiceSpec]:
    """The spec of a service with another number of replicas."""
    raw = here.named(name).spec.raw
    return Spec(ServiceSpec, {**raw, "Mode": {"Replicated": {"Replicas": count}}})


def test_the_new_task_waits_until_the_old_one_has_gone() -> None:
    swarm = running(replicas=1)
    (old,) = swarm.tasks
    swarm.put(replace(swarm.service, stopped=Stop("", swarm.now)))
    swarm.settle()
    swarm.put(replace(swarm.service, stopped=None, started_at=swarm.now))
    swarm.step(1)
    (new,) = swarm.live
    assert (new.follows, new.desired) == (old.id, READY)
    swarm.observe(old, SHUTDOWN)
    swarm.agent()
    assert swarm.view.tasks[new.id].status.state == RUNNING


def test_tries_are_counted_anew_after_a_start() -> None:
    policy = {"Condition": "any", "MaxAttempts": 1, "Delay": 0}
    swarm = Swarm(service_spec(replicas=1, template={"RestartPolicy": policy}))
    swarm.agent()
    for _ in range(2):
        (task,) = [task for task in swarm.live if task.status.state == RUNNING]
        swarm.step(1)
        swarm.observe(task, TaskState.FAILED)
        swarm.agent()
    assert not swarm.live, "the policy has given it up"
    swarm.put(replace(swarm.service, stopped=Stop("", swarm.now)))
    swarm.step(1)
    swarm.put(replace(swarm.service, stopped=None, started_at=swarm.now))
    swarm.agent()
    (task,) = swarm.live
    assert task.status.state == RUNNING
    swarm.step(1)
    swarm.observe(task, TaskState.FAILED)
    swarm.agent()
    assert [task.status.state for task in swarm.live] == [RUNNING], "one more try is left"


def test_a_job_goes_on_with_what_it_had_not_done() -> None:
    here = Shop()
    many = {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 3}}
    here.deploy({**job("work"), "Mode": many})
    here.live(4)
    here.stop("work")
    here.live(10)
    done = states(here, "work").count(TaskState.COMPLETE)
    assert 0 < done < 3
    assert here.running() == {}
    here.start("work")
    here.live(20)
    assert states(here, "work").count(TaskState.COMPLETE) == 3
    assert phase_of(here.view, here.named("work")).word == "done"


def states(here: Shop, name: str) -> list[TaskState]:
    """The states of all tasks of a service."""
    return [task.status.state for task in here.view.tasks_of(here.named(name).id)]


# ---- updates and releases


def test_a_stop_ends_the_update_under_way() -> None:
    here = chain()
    update = UpdateStatus("updating", "update in progress", here.now, total=1)
    here.put(replace(here.named("web"), update=update))
    here.stop("web")
    status = here.named("web").update
    assert status is not None
    assert (status.state, status.message, status.completed_at) == (
        "completed",
        "the service is stopped",
        here.now,
    )
    here.start("web")
    assert here.named("web").update is None


def test_an_update_of_a_stopped_service_holds_from_its_start_on() -> None:
    here = chain()
    here.stop("web")
    here.live(5)
    changed(here, "web", "2")
    here.live(5)
    web = here.named("web")
    assert "web" not in here.running()
    assert web.update is not None
    assert (web.update.state, web.update.message) == ("completed", "the service is stopped")
    assert control.left_stopped(web) == [
        "shop_web is stopped by ann at 1970-01-01T00:17:00Z: skerry start shop/web; "
        "its new spec holds from then on"
    ]
    assert 2 not in [row.number for row in ended(here.view, web, here.now)]
    here.start("web")
    here.live(20)
    assert here.running()["web"] == ["app:2"]


def changed(here: Shop, name: str, image: str) -> None:
    """Another image by a call of its own."""
    tx = here._tx()
    body = converted(here.view, service(name, "app:healthy", image))
    control.change(tx, here.named(name), Spec(ServiceSpec, body), "")
    here._commit(tx)
    here.settle()


def test_a_deploy_starts_what_is_stopped_and_says_so() -> None:
    here = chain()
    here.stop("db", "app", "web")
    here.live(10)
    answer = here.deploy(
        service("web", "app:healthy"), service("app", "db:healthy"), service("db", image="2")
    )
    assert {row["Name"]: row["Action"] for row in answer.plan["Services"]} == {
        "shop_db": "rolled",
        "shop_app": "started",
        "shop_web": "started",
    }
    here.live(30)
    assert here.begun == ["db app:2", "app app:1", "web app:1"]
    assert here.release.outcome.state == "converged"


def test_what_a_release_started_is_stopped_again_where_it_is_taken_back() -> None:
    here = chain()
    here.stop("app", "web")
    here.live(10)
    here.failing = {"app:bad"}
    here.deploy(
        service("web", "app:healthy", image="bad"), service("app", "db:healthy"), service("db", image="3")
    )
    here.live(120)
    assert here.release.outcome.state == "rolled back"
    assert here.running() == {"db": ["app:1"]}
    for name in ("app", "web"):
        assert here.named(name).stopped == Stop("ann", 1_020 * SECOND)
        assert phase_of(here.view, here.named(name)).word == "stopped"


def test_a_service_that_is_stopped_meanwhile_is_waited_for_no_more() -> None:
    here = chain()
    here.asleep = {"web"}
    here.deploy(
        service("web", "app:healthy", image="2"), service("app", "db:healthy"), service("db", image="2")
    )
    here.live(15)
    assert here.release.outcome.state == "rolling"
    here.stop("web")
    here.live(15)
    assert here.release.outcome.state == "converged"
    assert "web" not in here.running()


# ---- what is said, and who is refused


def test_it_is_told_as_stopped_once_nothing_runs() -> None:
    here = chain()
    here.stop("app", "web")
    web, app = phase_of(here.view, here.named("web")), phase_of(here.view, here.named("app"))
    assert (web.word, web.ready, web.wanted) == ("draining", 0, 1)
    assert app.word == "draining"
    assert not is_over(here.view, here.named("web"))
    here.live(5)
    phase = phase_of(here.view, here.named("web"))
    assert (phase.word, phase.ready, phase.wanted) == ("stopped", 0, 1)
    assert phase.reason == "stopped by ann at 1970-01-01T00:17:00Z: skerry start shop/web"


def test_why_it_does_not_run() -> None:
    here = chain()
    here.stop("web")
    here.live(5)
    answer = of_service(Scene(here.view, here.now), here.named("web"))
    assert answer.state == "0 of 1 tasks run; stopped"
    (cause,) = answer.causes
    assert (cause.kind, cause.sentence, cause.advice) == (
        "stopped",
        "it was stopped by ann at 1970-01-01T00:17:00Z",
        ("skerry start shop/web",),
    )
    (task,) = here.view.tasks_of(here.named("web").id)
    (cause,) = of_task(Scene(here.view, here.now), task).causes
    assert cause.sentence == "it was stopped, as its service was stopped by ann at 1970-01-01T00:17:00Z"


def test_who_comes_is_refused_once_nobody_needs_it_any_more() -> None:
    here = chain()
    held = service_traffic(here.view, here.named("app").id)
    here.stop("app", "web")
    assert refuses(here.view, here.named("web"))
    assert not refuses(here.view, here.named("app")), "web still asks it"
    assert service_traffic(here.view, here.named("app").id) == held
    here.live(5)
    assert refuses(here.view, here.named("app"))
    here.start("app")
    assert not refuses(here.view, here.named("app"))


def test_its_virtual_ip_and_its_port_stay_and_hold_nobody() -> None:
    swarm = running(replicas=1)
    swarm.put(replace(swarm.view.networks["net"], leg="10.0.1.253"))
    (held,) = service_traffic(swarm.view, "s").virtual
    assert held.hold_s > 0
    before = swarm.service
    swarm.put(replace(before, stopped=Stop("", swarm.now)))
    assert alters_traffic(before, swarm.service)
    swarm.agent()
    (stopped,) = service_traffic(swarm.view, "s").virtual
    assert (stopped.vip, stopped.hold_s, stopped.backends) == (held.vip, 0.0, ())


def test_a_service_of_no_stack_is_called_by_its_name() -> None:
    swarm = Swarm()
    stopped: Service = replace(swarm.service, stopped=Stop("", swarm.now))
    swarm.put(stopped)
    assert refuses(swarm.view, stopped)
    assert phase_of(swarm.view, stopped).reason.endswith(": skerry start app")


def test_a_task_that_outlived_a_stop_and_a_start_is_a_try_as_any_other() -> None:
    policy = {"Condition": "none"}
    swarm = Swarm(service_spec(replicas=1, template={"RestartPolicy": policy}))
    swarm.agent()
    (task,) = swarm.live
    swarm.now += SECOND
    swarm.put(replace(swarm.service, started_at=swarm.now))  # stopped and started before anybody looked
    swarm.step(1)
    swarm.observe(task, TaskState.FAILED)
    swarm.agent()
    assert not swarm.live


def test_what_takes_the_place_of_a_release_that_started_it_waits_for_its_turn_too() -> None:
    here = chain()
    here.stop("app", "db")
    here.live(10)
    here.asleep = {"db"}
    for image in ("2", "3"):
        here.deploy(service("web"), service("app", "db:healthy", image), service("db", image=image))
        here.live(5)
    assert "app app:3" not in here.begun
    assert here.named("app").update is None
    here.asleep = set()
    here.live(30)
    assert here.running()["app"] == ["app:3"]
    assert here.begun[-1] == "app app:3"
