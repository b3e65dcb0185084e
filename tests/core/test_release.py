"""A release: how it converges, what it fails by, and how it is taken back as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skerry.control import stacks
from skerry.core import revisions
from skerry.core.standing import standing
from skerry.core.view import View
from skerry.model.errors import SkerryError
from skerry.model.objects import Raw
from skerry.model.releases import Release
from skerry.model.states import TaskState
from tests.core.stack import Shop, job, service

SOON: Raw = {"labels": {"skerry.update.deadline": "20s"}}


def three(image: str = "1", **images: str) -> list[Raw]:
    """db, app that needs it, web that needs that; an image of its own for each that is named."""
    return [
        service("db", image=images.get("db", image), **SOON),
        service("app", "db:healthy", images.get("app", image), **SOON),
        service("web", "app:healthy", images.get("web", image), **SOON),
    ]


def content(view: View) -> dict[str, Any]:
    """All that makes a stack what it is."""
    rows: dict[str, Any] = {
        row.name: (row.spec.raw, row.spec_version, row.revision, row.job_iteration, row.endpoint)
        for row in view.services.values()
    }
    for kind in (view.networks, view.configs, view.secrets):
        rows |= {row.name: row.spec for row in kind.values() if not getattr(row, "removed", False)}
    return rows


def deployed(*services: Raw, **options: Any) -> Shop:
    """A stack whose first release has converged."""
    here = Shop()
    here.deploy(*services, **options)
    here.live(40)
    assert here.release.outcome.state == "converged"
    here.begun.clear()
    return here


def test_it_converges_when_all_have_run_for_as_long_as_they_are_watched() -> None:
    here = Shop()
    assert here.deploy(*three()).number == 1
    here.live(9)
    assert set(here.running()) == {"app", "db", "web"}
    assert here.release.outcome.state == "rolling"
    here.live(20)
    assert here.release.outcome.state == "converged"


def test_the_same_again_is_no_release() -> None:
    here = deployed(*three())
    before = here.view
    again = here.deploy(*three())
    assert (again.changed, again.number) == (False, 1)
    assert {row["Action"] for row in again.plan["Services"]} == {"unchanged"}
    assert here.view is before


@pytest.mark.parametrize("broken", ["db", "app", "web"])
@pytest.mark.parametrize("how", ["crashes", "sleeps"])
def test_one_that_fails_takes_the_whole_release_back(broken: str, how: str) -> None:
    here = deployed(*three())
    before = content(here.view)
    here.deploy(*three("2", **{broken: "bad"}))
    if how == "crashes":
        here.failing = {"app:bad"}
    else:
        here.asleep = {broken}
    for _ in range(300):
        here.live(1)
        if here.release.outcome.state == "rolling back":
            here.asleep = set()
    outcome = here.release.outcome
    assert outcome.state == "rolled back"
    assert outcome.failed is not None
    assert outcome.failed.service == f"shop_{broken}"
    assert outcome.failed.task
    assert outcome.reason.startswith(f"shop_{broken}: ")
    assert content(here.view) == before
    assert here.running() == {"app": ["app:1"], "db": ["app:1"], "web": ["app:1"]}
    order = ["db", "app", "web"]
    begun = [line.split()[0] for line in here.begun if line.endswith((":2", ":bad"))]
    assert not {"app", "web"} & set(begun) or begun[0] == "db"
    assert set(begun) <= set(order[: order.index(broken) + 1]), "what had not begun never begins"
    back = [line.split()[0] for line in here.begun if line.endswith(":1")]
    assert back == sorted(back, key=order.index, reverse=True), "in the reverse of its order"


def test_what_a_release_made_goes_with_it() -> None:
    here = deployed(*three())
    before = content(here.view)
    new = service("new", "db:healthy", "bad", task={"RestartPolicy": {"Condition": "none"}})
    network = {"Name": "shop_net", "Driver": "overlay"}
    config = {"Name": "shop_conf", "Data": "YQ=="}
    secret = {"Name": "shop_word", "Data": "YQ=="}
    here.failing = {"app:bad"}
    here.deploy(*three(), new, Networks=[network], Configs=[config], Secrets=[secret])
    assert {"shop_conf", "shop_net", "shop_word", "shop_new"} <= content(here.view).keys()
    here.live(60)
    assert here.release.outcome.state == "rolled back"
    assert content(here.view) == before


def published(port: int) -> Raw:
    """A service with a port."""
    ports = [{"TargetPort": 80, "PublishedPort": port, "PublishMode": "host"}]
    return service("web", EndpointSpec={"Ports": ports}, **SOON)


def test_a_port_to_which_a_release_would_return_is_nobody_elses() -> None:
    here = Shop()
    assert here.view.node is not None
    here.put(replace(here.view.node, reserved=("tcp/8001", "tcp/8002")))
    here.deploy(published(8001))
    here.live(40)
    other = {**published(8001), "Name": "other", "Labels": {}}
    other["EndpointSpec"] = {"Ports": [{"TargetPort": 80, "PublishedPort": 8001}]}
    here.deploy(published(8002))
    with pytest.raises(SkerryError, match="port '8001' is already in use by service 'shop_web'"):
        here.create(other)
    here.live(40)
    assert here.release.outcome.state == "converged"
    here.create(other)


def test_a_crash_loop_ends_a_first_deploy() -> None:
    here = Shop()
    here.deploy(service("app", image="bad"))
    here.failing = {"app:bad"}
    here.live(120)
    assert here.release.outcome.state == "rolled back"
    assert here.release.outcome.reason == "shop_app: 6 failures in a row"
    assert not here.view.services


def test_a_job_that_completed_before_is_not_run_again_when_all_is_taken_back() -> None:
    here = deployed(job("migrate"), service("app", "migrate:completed"))
    before = content(here.view)
    here.failing = {"app:bad"}
    here.deploy(job("migrate", image="2"), service("app", "migrate:completed", "bad"))
    here.live(120)
    assert here.release.outcome.state == "rolled back"
    assert content(here.view) == before
    assert [line for line in here.begun if line.startswith("migrate")] == ["migrate app:2"]
    here.deploy(job("migrate", image="3"), service("app", "migrate:completed", "3"))
    here.live(60)
    assert here.release.outcome.state == "converged"
    assert "migrate app:3" in here.begun


def test_a_job_whose_run_was_not_over_is_run_anew_when_all_is_taken_back() -> None:
    long = {"Mode": {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 3}}}
    here = deployed({**job("migrate"), **long}, service("app"))
    again = {**here.named("migrate").spec.raw, "Labels": {"com.docker.stack.namespace": "shop", "run": "2"}}
    here.update("shop_migrate", again)
    here.live(4)
    assert not standing(here.view, here.named("migrate")).full
    here.begun.clear()
    here.failing = {"app:bad"}
    here.deploy({**job("migrate", image="2"), **long}, service("app", image="bad"))
    here.live(120)
    assert here.release.outcome.state == "rolled back"
    migrate = here.named("migrate")
    assert migrate.spec.typed.task_template.container_spec.image == "app:1"
    assert standing(here.view, migrate).full
    assert here.begun.count("migrate app:1") >= 3, "what it had begun before is gone"


def test_without_atomic_what_fails_stays_and_the_rest_goes_on() -> None:
    here = deployed(*three())
    here.failing = {"app:bad"}
    here.deploy(*three("2", app="bad"), atomic=False)
    here.live(60)
    assert here.release.outcome.state == "failed"
    assert here.running()["db"] == ["app:2"]
    assert here.running()["web"] == ["app:1"], "it still waits for its turn"


def test_a_release_takes_the_place_of_one_that_is_under_way() -> None:
    here = deployed(*three())
    before = content(here.view)
    here.asleep = {"db"}
    here.deploy(*three("2"))
    here.live(5)
    here.deploy(*three("2", web="bad"))
    assert here.view.releases["shop.2"].outcome.state == "superseded"
    here.asleep, here.failing = set(), {"app:bad"}
    here.live(200)
    assert here.release.outcome.state == "rolled back"
    assert content(here.view) == before, "it returns to what was before both"


def test_a_service_that_somebody_changes_meanwhile_is_the_releases_no_more() -> None:
    here = deployed(*three())
    here.deploy(*three("2", web="bad"))
    here.failing = {"app:bad"}
    row = here.named("db")
    here.put(replace(row, spec_version=here.view.version + 1))
    here.live(120)
    assert here.release.outcome.state == "rolled back"
    assert here.named("db").spec.typed.task_template.container_spec.image == "app:2"


@pytest.mark.parametrize("atomic", [True, False])
def test_what_is_pruned_goes_at_the_end_or_at_once(atomic: bool) -> None:
    here = deployed(*three())
    plan = here.deploy(*three("2")[:2], prune=True, atomic=atomic).plan
    assert plan["Services"][-1]["Action"] == "removed"
    assert (here.view.service_named("shop_web") is not None) is atomic
    here.live(60)
    assert here.view.service_named("shop_web") is None
    assert here.release.outcome.state == "converged"


def test_a_release_before_is_made_again_as_a_new_one() -> None:
    here = deployed(*three(), service("old"))
    first = content(here.view)
    here.deploy(*three("2"), prune=True)
    here.live(60)
    outcome = here.call(stacks.again(here.view.releases["shop.1"], by="root", atomic=True))
    assert outcome.number == 3
    here.live(60)
    assert here.release.outcome.state == "converged"
    assert {name: row[0] for name, row in content(here.view).items() if name.startswith("shop")} == {
        name: row[0] for name, row in first.items() if name.startswith("shop")
    }


def test_ten_releases_are_kept() -> None:
    here = Shop()
    for number in range(1, 14):
        here.deploy(service("app", image=str(number)))
        here.settle()
    kept: list[Release] = list(here.view.releases_of("shop"))
    assert [row.number for row in kept] == list(range(4, 14))
    with pytest.raises(SkerryError, match=r"no release 3 of the stack shop; kept are: 4, 5"):
        stacks.find(here.view, "shop", 3)


@pytest.mark.case("releases that were taken back pushed the revision before out of the history")
def test_however_many_releases_fail_a_service_can_go_back_to_what_it_was_before() -> None:
    here = deployed(service("app", image="1"))
    here.deploy(service("app", image="2"))
    here.live(40)
    here.failing = {f"app:bad{number}" for number in range(12)}
    for number in range(12):
        here.deploy(service("app", image=f"bad{number}"))
        here.live(60)
        assert here.release.outcome.state == "rolled back"
    previous = revisions.previous_spec(here.view, here.named("app"))
    assert previous is not None
    assert previous.raw["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1"
    assert len(here.view.revisions_of(here.named("app").id)) <= 10


def test_all_that_is_wrong_is_said_and_nothing_is_changed() -> None:
    here = deployed(*three())
    before = here.view
    bad = [
        service("app", task={"ContainerSpec": {"Image": "not an image"}}),
        service("db", task={"Networks": [{"Target": "nowhere"}]}),
    ]
    with pytest.raises(SkerryError) as caught:
        here.deploy(*bad)
    assert caught.value.status == 400
    first, second = caught.value.message.splitlines()
    assert first.startswith("service shop_app: ")
    assert second == "service shop_db: network nowhere not found"
    assert here.view is before


def test_other_content_under_an_old_name_is_refused() -> None:
    here = deployed(*three(), Configs=[{"Name": "shop_conf", "Data": "YQ=="}])
    with pytest.raises(SkerryError, match="only updates to Labels are allowed") as caught:
        here.deploy(*three(), Configs=[{"Name": "shop_conf", "Data": "Yg=="}])
    assert caught.value.status == 409


def test_a_stack_is_removed_with_all_that_is_its() -> None:
    here = Shop()
    label = {"com.docker.stack.namespace": "shop"}
    here.deploy(*three(), Networks=[{"Name": "shop_net", "Driver": "overlay", "Labels": label}])
    here.live(30)
    here.remove()
    here.live(10)
    assert content(here.view).keys() == {"ingress", "bridge", "host"}
    assert not here.view.releases
    assert not [task for task in here.view.tasks.values() if task.status.state < TaskState.SHUTDOWN]
