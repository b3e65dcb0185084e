"""Plans of a move: what is there decides what is to be done."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.json import decode, encode

from skerry.cli.outgrow.image import Image, content, in_registry, suits, without_digest
from skerry.cli.outgrow.move_plan import MovePlan, TargetSwarm, make
from skerry.cli.outgrow.snapshot import Snapshot
from skerry.model.labels import MOVED, STOPPED
from skerry.model.objects import Raw
from tests.outgrow.stack import network, service

IMAGES = {"app:1": Image("app:1", "app:1", "app:1", content="c1")}
OLD, NEW = (1, 41), (1, 44)


def stack(**parts: Any) -> Snapshot:
    """What skerry has: one service with a network, a config and a secret."""
    one = service(**parts)
    configs = {"shop_site": {"ID": "c1", "Spec": {"Name": "shop_site", "Data": "eA=="}}}
    secrets = {"shop_pw": {"ID": "s1", "Spec": {"Name": "shop_pw", "Labels": {"a": "b"}}}}
    return Snapshot({"shop_app": one}, {"shop_default": network("shop_default")}, configs, secrets)


def plan(here: Snapshot, there: Snapshot, images: dict[str, Image] | None = None, **more: Any) -> MovePlan:
    """The plan for a swarm that has `there`."""
    return make(here, TargetSwarm(there, more.pop("api", OLD), **more), images or IMAGES)


def after(here: Snapshot, **more: Any) -> Snapshot:
    """What a swarm has once the plan for an empty one was carried out, with what an engine adds to specs."""
    found = Snapshot()
    for step in plan(here, Snapshot(), **more).steps:
        body = decode(encode(step.body))
        if step.kind == "network":
            found.networks[step.name] = {
                **network(step.name),
                **body,
                "IPAM": {"Config": [{"Subnet": "10.0.9.0/24"}]},
            }
        elif step.kind == "service":
            body["TaskTemplate"] |= {"ForceUpdate": 0, "Runtime": "container"}
            body["TaskTemplate"]["ContainerSpec"]["Isolation"] = "default"
            body["EndpointSpec"] = {"Mode": "vip", **body.get("EndpointSpec", {})}
            found.services[step.name] = {"ID": "there", "Version": {"Index": 7}, "Spec": body}
        elif step.kind in ("config", "secret"):
            getattr(found, f"{step.kind}s")[step.name] = {"ID": "there", "Spec": body}
    return found


def said(found: MovePlan) -> list[str]:
    """The steps in words."""
    return [str(step) for step in found.steps]


def test_everything_in_its_order() -> None:
    images = {"app:1": Image("app:1", "app:1", "app:1", content="c1", lacking=("n1", "n2"), bytes=2_000_000)}
    found = plan(stack(), Snapshot(), images)
    assert said(found) == [
        "create network shop_default",
        "create config shop_site",
        "create secret shop_pw",
        "load image app:1 on n1 (2 MB)",
        "load image app:1 on n2 (2 MB)",
        "create service shop_app",
    ]
    assert found.conflicts == []
    assert found.services == ["shop_app"]


def test_a_repeat_has_nothing_to_do() -> None:
    assert said(plan(stack(), after(stack()))) == []


def test_a_repeat_after_half_of_it_does_the_other_half() -> None:
    there = after(stack())
    del there.services["shop_app"], there.secrets["shop_pw"]
    assert said(plan(stack(), there)) == ["create secret shop_pw", "create service shop_app"]


def test_only_what_changed_here_is_moved() -> None:
    there = after(stack())
    there.services["shop_app"]["Spec"]["TaskTemplate"]["ForceUpdate"] = 5
    (step,) = plan(stack(container={"Env": ["A=1"]}), there).steps
    assert str(step) == "update service shop_app"
    assert step.body["TaskTemplate"]["ContainerSpec"]["Env"] == ["A=1"]
    assert step.body["TaskTemplate"]["ForceUpdate"] == 5
    assert step.current["Version"]["Index"] == 7


def test_new_content_under_an_old_tag_is_forced() -> None:
    rebuilt = {"app:1": Image("app:1", "app:1", "app:1", content="c2", lacking=("n1",))}
    found = plan(stack(), after(stack()), rebuilt)
    assert said(found) == ["load image app:1 on n1", "update service shop_app"]
    assert found.steps[1].body["TaskTemplate"]["ForceUpdate"] == 1


def test_what_was_changed_there_alone_is_left_as_it_is() -> None:
    there = after(stack())
    there.services["shop_app"]["Spec"]["Mode"]["Replicated"]["Replicas"] = 9
    found = plan(stack(), there)
    assert (said(found), found.conflicts) == ([], [])
    assert "service shop_app was changed there since it was moved: left as it is" in found.notes


def test_what_was_changed_on_both_sides_is_a_conflict() -> None:
    there = after(stack())
    there.services["shop_app"]["Spec"]["Mode"]["Replicated"]["Replicas"] = 9
    found = plan(stack(container={"Env": ["A=1"]}), there)
    assert [one.partition(":")[0] for one in found.conflicts] == [
        "service shop_app is there, but neither as it was moved nor as it is here"
    ]


def test_what_was_rolled_back_there_is_left_as_it_is() -> None:
    there, newer = after(stack()), after(stack(container={"Env": ["A=1"]}))
    there.services["shop_app"]["PreviousSpec"] = newer.services["shop_app"]["Spec"]
    found = plan(stack(container={"Env": ["A=1"]}), there)
    assert (said(found), found.conflicts) == ([], [])
    assert "service shop_app was changed there since it was moved: left as it is" in found.notes


def test_what_was_made_the_same_there_needs_nothing() -> None:
    there, newer = after(stack()), after(stack(container={"Env": ["A=1"]}))
    spec = newer.services["shop_app"]["Spec"]
    spec["Labels"][MOVED] = there.services["shop_app"]["Spec"]["Labels"][MOVED]
    assert said(plan(stack(container={"Env": ["A=1"]}), newer)) == []
    copied = {"app:1": Image("app:1", "app:1", "app:1", content="c2", lacking=("n1",))}
    found = plan(stack(container={"Env": ["A=1"]}), newer, copied)
    assert said(found) == ["load image app:1 on n1", "update service shop_app"]
    assert found.steps[1].body["TaskTemplate"]["ForceUpdate"] == 1


def test_a_stranger_of_that_name_is_a_conflict_unless_it_is_the_same() -> None:
    there = after(stack())
    del there.services["shop_app"]["Spec"]["Labels"][MOVED]
    assert (said(plan(stack(), there)), plan(stack(), there).conflicts) == ([], [])
    there.services["shop_app"]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "other:1"
    (conflict,) = plan(stack(), there).conflicts
    assert conflict.startswith("service shop_app is there, but neither as it was moved nor as it is here")


@pytest.mark.parametrize(
    ("kind", "name", "change", "begins"),
    [
        ("configs", "shop_site", {"Data": "eQ=="}, "config shop_site is there with other content"),
        ("secrets", "shop_pw", {"Labels": {MOVED: "older"}}, "secret shop_pw is there with other content"),
    ],
)
def test_files_with_other_content(kind: str, name: str, change: Raw, begins: str) -> None:
    there = after(stack())
    getattr(there, kind)[name]["Spec"] |= change
    (conflict,) = plan(stack(), there).conflicts
    assert conflict.startswith(begins)


def test_a_secret_that_was_there_before_is_left_alone() -> None:
    there = after(stack())
    del there.secrets["shop_pw"]["Spec"]["Labels"][MOVED]
    found = plan(stack(), there)
    assert (said(found), found.conflicts) == ([], [])
    assert any(note.startswith("secret shop_pw is there already") for note in found.notes)


def test_networks_that_are_something_else_there() -> None:
    there = after(stack())
    there.networks["shop_default"]["Internal"] = True
    (conflict,) = plan(stack(), there).conflicts
    assert conflict == "network shop_default is there with other settings (Internal): remove it there"
    (conflict,) = plan(stack(), Snapshot(), local_networks=["shop_default"]).conflicts
    assert conflict == "network shop_default is there, but not for the whole swarm: remove it there"


def test_a_service_that_was_stopped_here_does_not_move() -> None:
    found = plan(stack(labels={STOPPED: "true"}), Snapshot())
    assert found.services == []
    assert "create service shop_app" not in said(found)
    assert found.notes == ["service shop_app was stopped here by --stop-source: left alone"]


def test_an_image_is_pushed_when_it_is_missing_or_a_service_changes() -> None:
    missing = {"app:1": Image("app:1", "r:5000/app:1", "app:1", content="c1", push=True)}
    pushed = {"app:1": Image("app:1", "r:5000/app:1", "app:1", content="c1", push=True, present=True)}
    found = plan(stack(), Snapshot(), missing)
    assert said(found)[-2:] == ["push image app:1 as r:5000/app:1", "create service shop_app"]
    assert found.steps[-1].body["TaskTemplate"]["ContainerSpec"]["Image"] == "r:5000/app:1"
    there = after(stack(), images=missing)
    assert said(plan(stack(), there, pushed)) == []
    assert said(plan(stack(container={"Env": ["A=1"]}), there, pushed)) == [
        "push image app:1 as r:5000/app:1",
        "update service shop_app",
    ]


HOST_PORT = {"Ports": [{"TargetPort": 80, "PublishedPort": 80, "PublishMode": "host"}]}
CHECK = {"Test": ["CMD", "x"], "Interval": 0}


@pytest.mark.parametrize(
    ("parts", "begins"),
    [
        (
            {"labels": {"skerry.update.deadline": "5m"}},
            "label skerry.update.deadline=5m has no effect there: an",
        ),
        ({"labels": {"skerry.new": "1"}}, "label skerry.new=1 has no effect there: only skerry knows it"),
        (
            {"EndpointSpec": HOST_PORT, "UpdateConfig": {"Order": "start-first"}},
            "start-first on a host-mode port never ends there",
        ),
        ({"EndpointSpec": {"Ports": [{"TargetPort": 80}]}}, "port 80 is published by the routing mesh there"),
        (
            {"container": {"Mounts": [{"Type": "volume", "Source": "v", "TargetSwarm": "/v"}]}},
            "volume v is not copied",
        ),
        (
            {"container": {"Mounts": [{"Type": "bind", "Source": "/b", "TargetSwarm": "/v"}]}},
            "/b of the host is bound",
        ),
        (
            {"template": {"Placement": {"Constraints": ["node.hostname==here"]}}},
            "constraint node.hostname==here",
        ),
        (
            {"container": {"Healthcheck": {**CHECK, "Interval": 2_000_000_000}}},
            "a task is seen ready there after its first health check, 2 s after its start",
        ),
    ],
)
def test_what_is_otherwise_there(parts: Raw, begins: str) -> None:
    notes = plan(stack(**parts), Snapshot()).notes
    assert [note for note in notes if note.startswith(f"shop_app: {begins}")]


def test_nothing_is_said_where_nothing_is_otherwise() -> None:
    parts = {"template": {"Networks": [], "Placement": {"Constraints": ["node.role == manager"]}}}
    assert plan(stack(**parts), Snapshot()).notes == []


def test_an_order_that_swarm_can_not_keep_becomes_one_that_it_can() -> None:
    here = stack(EndpointSpec=HOST_PORT, UpdateConfig={"Order": "start-first"})
    step = plan(here, Snapshot()).steps[-1]
    assert step.body["UpdateConfig"]["Order"] == "stop-first"
    assert here.services["shop_app"]["Spec"]["UpdateConfig"]["Order"] == "start-first"
    kept = plan(stack(UpdateConfig={"Order": "start-first"}), Snapshot()).steps[-1]
    assert kept.body["UpdateConfig"]["Order"] == "start-first"


def test_health_checks_start_quickly_where_the_engine_can() -> None:
    images = {"app:1": Image("app:1", "app:1", "app:1", check={"Test": ["CMD", "x"]})}
    by_image = plan(stack(), Snapshot(), images, api=NEW).steps[-1].body["TaskTemplate"]["ContainerSpec"]
    assert by_image["Healthcheck"] == {"StartInterval": 1_000_000_000, "StartPeriod": 30_000_000_000}
    own = stack(container={"Healthcheck": {**CHECK, "StartPeriod": 7}})
    by_spec = plan(own, Snapshot(), api=NEW).steps[-1].body["TaskTemplate"]["ContainerSpec"]
    assert by_spec["Healthcheck"] == {**CHECK, "StartPeriod": 7, "StartInterval": 1_000_000_000}
    old = plan(own, Snapshot(), api=OLD).steps[-1].body["TaskTemplate"]["ContainerSpec"]
    assert "StartInterval" not in old["Healthcheck"]
    none = plan(stack(container={"Healthcheck": {"Test": ["NONE"]}}), Snapshot(), images, api=NEW).steps[-1]
    assert none.body["TaskTemplate"]["ContainerSpec"]["Healthcheck"] == {"Test": ["NONE"]}
    assert said(plan(stack(), after(stack(), images=images, api=NEW), images, api=NEW)) == []


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("shop:1", "shop:1"),
        ("shop:1@sha256:ab", "shop:1"),
        ("shop@sha256:ab", ""),
        ("reg:5000/shop@sha256:ab", ""),
        ("reg:5000/shop:1@sha256:ab", "reg:5000/shop:1"),
    ],
)
def test_names_without_a_digest(name: str, plain: str) -> None:
    assert without_digest(name) == plain


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("shop:1", "r:5000/t/shop:1"),
        ("team/shop:1", "r:5000/t/team/shop:1"),
        ("old.example/a/b:1", "r:5000/t/a/b:1"),
    ],
)
def test_names_in_a_registry(tag: str, name: str) -> None:
    assert in_registry("r:5000/t/", tag) == name


def test_an_image_is_known_by_what_is_in_it() -> None:
    one = {"Id": "a", "RootFS": {"Layers": ["l"]}, "Config": {"Cmd": ["x"], "Env": [], "Hostname": "h"}}
    assert content(one) == content({**one, "Id": "b", "Config": {"Cmd": ["x"], "Env": None}})
    assert content(one) != content({**one, "Config": {"Cmd": ["y"]}})
    assert content(one) != content({**one, "RootFS": {"Layers": ["m"]}})


def test_an_image_suits_its_architecture() -> None:
    assert suits({"Architecture": "amd64"}, "x86_64")
    assert not suits({"Architecture": "amd64"}, "aarch64")
    assert suits({}, "x86_64")
