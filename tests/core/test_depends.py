"""The order of a stack: at its first deploy, in an update, after a reboot."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skerry.core import turn
from skerry.core.depends import cycle, in_order
from skerry.core.parts import part_of
from skerry.core.standing import has_started, made_as_asked
from skerry.model.defaults import SECOND
from skerry.model.dependencies import Dependency, read_dependencies
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw
from skerry.model.releases import Outcome
from skerry.model.states import TaskState
from tests.core.stack import Shop, job, service


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("db", [Dependency("db")]),
        ("db:healthy", [Dependency("db", "healthy")]),
        ("db:healthy, migrate:completed", [Dependency("db", "healthy"), Dependency("migrate", "completed")]),
        ("cache:started?", [Dependency("cache", required=False)]),
        ("db:healthy!", [Dependency("db", "healthy", restart=True)]),
        ("db!?", [Dependency("db", required=False, restart=True)]),
        ("", []),
    ],
)
def test_what_the_label_says(text: str, read: list[Dependency]) -> None:
    assert list(read_dependencies(text)) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("db:ready", '"ready" of "db:ready" is none of started, healthy and completed'),
        ("db healthy", '"db healthy" is no dependency'),
        ("db, cache, db:healthy", "db stands there twice"),
    ],
)
def test_what_makes_no_sense(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_dependencies(text)


def shop(*services: object) -> Shop:
    """A stack that has just been deployed."""
    here = Shop()
    here.deploy(*services)  # type: ignore[arg-type]
    here.settle()
    return here


def test_a_service_starts_when_what_it_needs_is_healthy() -> None:
    here = shop(service("app", "db:healthy"), service("db"))
    here.asleep = {"db"}
    here.live(10)
    (task,) = here.tasks("app")
    assert (task.status.state, task.desired) == (TaskState.READY, TaskState.READY)
    assert task.status.err == "waits for shop_db to be healthy"
    assert here.note("app") == "waits for shop_db to be healthy"
    here.asleep = set()
    here.live(3)
    assert here.running() == {"app": ["app:1"], "db": ["app:1"]}
    assert here.begun == ["db app:1", "app app:1"]


@pytest.mark.parametrize(
    ("condition", "db", "starts"),
    [("started", "db", True), ("healthy", "db", False), ("started", "", True), ("healthy", "", True)],
)
def test_started_is_less_than_healthy(condition: str, db: str, starts: bool) -> None:
    here = shop(service("app", f"db:{condition}"), service("db"))
    here.asleep = {db}
    here.live(10)
    assert ("app" in here.running()) is starts


def test_a_job_gates_who_depends_on_it() -> None:
    here = shop(
        service("app", "migrate:completed"),
        job("migrate", "db:healthy"),
        service("db"),
        service("web", "app"),
    )
    here.live(10)
    assert here.begun == ["db app:1", "migrate app:1", "app app:1", "web app:1"]
    assert set(here.running()) == {"app", "db", "web"}


def test_a_failed_job_keeps_back_who_depends_on_it() -> None:
    here = Shop()
    here.deploy(service("app", "migrate:completed"), job("migrate", image="bad"), atomic=False)
    here.failing = {"app:bad"}
    here.live(20)
    assert here.running() == {}
    assert here.note("app") == "waits for shop_migrate to complete"
    assert here.release.outcome.state == "failed"


def test_an_optional_service_that_is_lost_keeps_nobody_back() -> None:
    here = Shop()
    here.deploy(service("app", "migrate:completed?"), job("migrate", image="bad"), atomic=False)
    here.failing = {"app:bad"}
    here.live(20)
    assert here.running() == {"app": ["app:1"]}


def test_a_service_that_serves_is_not_held_up() -> None:
    here = shop(service("app", "db:healthy", Mode={"Replicated": {"Replicas": 2}}), service("db"))
    here.live(10)
    (db,) = here.tasks("db")
    here.observe(db, TaskState.FAILED)
    here.asleep = {"db"}
    first, _ = here.tasks("app")
    here.observe(first, TaskState.FAILED)
    here.live(10)
    assert here.running()["app"] == ["app:1", "app:1"]


def test_after_a_reboot_all_start_in_order() -> None:
    here = shop(service("app", "db:healthy"), service("db", "disk"), service("disk"))
    here.live(20)
    here.begun.clear()
    for task in list(here.view.tasks.values()):  # the last to be looked at is what the others need
        if task.live:
            here.settle()
            here.observe(task, TaskState.FAILED, exit_code=255)
    here.live(30)
    assert here.begun == ["disk app:1", "db app:1", "app app:1"]


def test_an_update_rolls_in_order() -> None:
    here = shop(service("app", "db:healthy"), service("db"), service("web", "app:healthy"))
    here.live(30)
    here.begun.clear()
    here.asleep = {"db"}
    here.deploy(
        service("app", "db:healthy", "2"), service("db", image="2"), service("web", "app:healthy", "2")
    )
    here.live(10)
    assert here.begun == ["db app:2"]
    assert here.running() == {"app": ["app:1"], "web": ["app:1"]}
    assert here.note("web") == "waits for shop_app to be healthy"
    here.asleep = set()
    here.live(40)
    assert here.begun == ["db app:2", "app app:2", "web app:2"]
    assert here.release.outcome.state == "converged"


def test_who_waits_for_its_turn_is_kept_as_it_was() -> None:
    here = shop(service("app", "db:healthy"), service("db"))
    here.live(30)
    here.asleep = {"db"}
    here.deploy(service("app", "db:healthy", "2"), service("db", image="2"))
    here.live(3)
    here.begun.clear()
    (task,) = here.tasks("app")
    assert task.spec.typed.container_spec.image == "app:1"
    here.observe(task, TaskState.FAILED)
    here.live(20)
    (after,) = here.tasks("app")
    assert after.spec.typed.container_spec.image == "app:1", "nothing of the release begins out of its turn"


def test_an_unchanged_job_is_not_run_again_and_a_changed_one_is() -> None:
    here = shop(service("app", "migrate:completed"), job("migrate"))
    here.live(20)
    here.begun.clear()
    here.deploy(service("app", "migrate:completed", "2"), job("migrate"))
    here.live(20)
    assert here.begun == ["app app:2"]
    here.begun.clear()
    here.deploy(service("app", "migrate:completed", "3"), job("migrate", image="3"))
    here.live(20)
    assert here.begun == ["migrate app:3", "app app:3"]


def test_a_service_is_restarted_with_what_it_depends_on() -> None:
    here = shop(service("app", "db:healthy!"), service("db"))
    here.live(30)
    here.begun.clear()
    plan = here.deploy(service("app", "db:healthy!"), service("db", image="2")).plan
    assert {row["Name"]: row["Action"] for row in plan["Services"]} == {
        "shop_db": "rolled",
        "shop_app": "rolled",
    }
    here.live(30)
    assert here.begun == ["db app:2", "app app:1"]
    assert not here.deploy(service("app", "db:healthy!"), service("db", image="2")).changed


def test_a_cycle_is_refused_and_so_is_who_is_not_there() -> None:
    here = Shop()
    with pytest.raises(InvalidParameter, match="would wait for itself: shop_a waits for shop_b"):
        here.deploy(service("a", "b"), service("b", "a"))
    with pytest.raises(InvalidParameter, match="service shop_a depends on b, and there is no such service"):
        here.deploy(service("a", "b"))
    assert not here.view.services
    here.deploy(service("a", "b?"))
    assert cycle(here.view, here.named("a")) == []


def test_a_service_that_was_made_by_itself_waits_until_there_is_what_it_needs() -> None:
    here = Shop()
    here.create(service("a", "b:healthy"))
    here.live(5)
    assert here.note("a") == "waits for shop_b, which does not exist"
    here.create(service("b"))
    here.live(5)
    assert here.running() == {"a": ["app:1"], "b": ["app:1"]}


def test_time_does_not_run_out_for_who_waits() -> None:
    here = shop(service("app", "db:healthy", labels={"skerry.update.deadline": "5s"}), service("db"))
    here.asleep = {"db"}
    here.live(60)
    assert here.release.outcome.state == "rolling"
    here.asleep = set()
    here.live(20)
    assert here.release.outcome.state == "converged"
    assert here.release.outcome.ended_at - here.release.created_at > 60 * SECOND


def test_names_in_order() -> None:
    assert in_order(
        "shop",
        {
            "shop_web": {"skerry.depends_on": "app"},
            "shop_app": {"skerry.depends_on": "db:healthy"},
            "shop_db": {},
        },
    ) == ["shop_db", "shop_app", "shop_web"]


def half_rolled(here: Shop, name: str) -> None:
    """Live until one of two tasks has been replaced."""
    for _ in range(60):
        here.live(1)
        if sorted(here.running().get(name, ())) == ["app:1", "app:2"]:
            return
    raise AssertionError(here.running())


def test_while_it_is_rolled_healthy_means_all_of_it() -> None:
    two: Raw = {"Mode": {"Replicated": {"Replicas": 2}}}
    here = shop(service("app", "db:healthy"), service("db", **two))
    here.live(30)
    here.deploy(service("app", "db:healthy", "2"), service("db", image="2", **two))
    half_rolled(here, "db")
    assert here.running()["app"] == ["app:1"]
    assert here.note("app") == "waits for shop_db to be healthy"


def test_afterwards_one_is_enough() -> None:
    two: Raw = {"Mode": {"Replicated": {"Replicas": 2}}}
    here = shop(service("app", "db:healthy"), service("db", **two))
    here.live(30)
    assert here.release.outcome.state == "converged"
    here.asleep = {"db"}
    here.observe(here.tasks("db")[0], TaskState.FAILED)
    here.observe(here.tasks("app")[0], TaskState.FAILED)
    here.live(20)
    assert here.running() == {"app": ["app:1"], "db": ["app:1"]}


def test_what_was_only_made_has_not_started() -> None:
    here = shop(service("app", "db:started"), service("db"))
    here.asleep = {"db"}
    (task,) = here.tasks("db")
    here.observe(task, TaskState.STARTING)
    here.settle()
    assert here.note("app") == "waits for shop_db to start"
    here.observe(task, TaskState.STARTING, pid=7)
    here.settle()
    assert here.note("app") != "waits for shop_db to start"


def test_a_global_service_is_waited_for_too() -> None:
    here = shop(service("app", "db:healthy"), service("db", Mode={"Global": {}}))
    here.asleep = {"db"}
    here.live(10)
    assert here.note("app") == "waits for shop_db to be healthy"


def test_who_has_begun_is_not_held_up_again() -> None:
    two: Raw = {"Mode": {"Replicated": {"Replicas": 2}}}
    here = shop(service("app", "db:healthy", **two), service("db"))
    here.live(30)
    here.deploy(service("app", "db:healthy", "2", **two), service("db", image="2"), atomic=False)
    half_rolled(here, "app")
    here.asleep = {"db"}
    here.observe(here.tasks("db")[0], TaskState.FAILED)
    here.live(30)
    assert here.running()["app"] == ["app:2", "app:2"]


def test_who_is_unchanged_has_no_turn() -> None:
    here = shop(service("app", "db:healthy"), service("db"))
    here.live(30)
    here.asleep = {"db"}
    here.deploy(service("app", "db:healthy"), service("db", image="2"))
    here.live(3)
    assert turn.held(here.view, here.named("app")) is None
    assert part_of(here.view, here.named("app")) is None
    assert part_of(here.view, here.named("db")) is not None


def test_a_release_that_is_over_has_no_parts_and_what_is_changed_since_is_none() -> None:
    here = shop(service("app"))
    assert part_of(here.view, here.named("app")) is not None
    changed = replace(here.named("app"), spec_version=99)
    assert part_of(here.view, changed) is None
    here.live(20)
    assert here.release.outcome.state == "converged"
    assert part_of(here.view, here.named("app")) is None


def test_a_job_waits_before_its_run_and_not_as_it_was() -> None:
    here = shop(job("migrate", "db:healthy"), service("db"))
    here.live(30)
    here.asleep = {"db"}
    here.deploy(job("migrate", "db:healthy", "2"), service("db", image="2"))
    here.live(5)
    assert turn.held(here.view, here.named("migrate")) is None
    *_, task = here.tasks("migrate")
    assert (task.desired, task.spec.typed.container_spec.image) == (TaskState.READY, "app:2")


def test_a_run_before_does_not_count() -> None:
    here = shop(service("app", "migrate:completed"), job("migrate"))
    here.live(20)
    here.deploy(service("app", "migrate:completed", "2"), job("migrate", image="2"))
    here.settle()
    assert here.note("app") == "waits for shop_migrate to complete"
    assert not has_started(made_as_asked(here.view, here.named("migrate")))


def test_what_has_not_begun_never_begins_once_all_is_taken_back() -> None:
    here = shop(service("app", "db:healthy"), service("db"))
    here.live(30)
    here.asleep = {"db"}
    here.deploy(service("app", "db:healthy", "2"), service("db", image="2"))
    here.live(3)
    here.put(replace(here.release, outcome=Outcome("rolling back", "why")))
    here.asleep = set()
    for _ in range(5):
        here.act()
    assert here.running() == {"app": ["app:1"], "db": ["app:2"]}
    assert here.note("app") == "waits for its release to be taken back"


def test_a_label_alone_replaces_no_task() -> None:
    here = shop(service("app"))
    here.live(20)
    plan = here.deploy(service("app", labels={"tier": "front"})).plan
    assert plan["Services"][0]["Action"] == "in-place"
