"""New content under an old name in releases of a stack: rolled, taken back, and gone back to."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from skerry.control import stacks
from skerry.core.keeping import files_needed, files_needless, files_of_release, files_to_show
from skerry.core.versions import is_other, next_number, referring, same_before, users_of, uses_of, versions_of
from skerry.core.view import View
from skerry.model.defaults import SETTLING
from skerry.model.files import Config, File, KeptConfig
from skerry.model.labels import STACK
from skerry.model.objects import Raw, Revision, Service, Task, TaskStatus
from skerry.model.releases import Made, Outcome, Release, ReleasedService
from skerry.model.spec import Spec
from skerry.model.specs import ServiceSpec
from skerry.model.states import TaskState
from tests.core.stack import Shop, service
from tests.support.specs import of_service, of_task

OWN = {STACK: "shop"}


def content(text: str, name: str = "shop_conf", **more: Any) -> Raw:
    """A config or secret as a client sends it."""
    return {"Name": name, "Labels": OWN, "Data": base64.b64encode(text.encode()).decode(), **more}


def having(name: str, image: str = "1", **more: Any) -> Raw:
    """A service that has the config and the secret."""
    file = {"UID": "0", "GID": "0", "Mode": 292}
    body = service(name, image=image, labels={"skerry.update.deadline": "20s"}, **more)
    body["TaskTemplate"]["ContainerSpec"] |= {
        "Configs": [{"ConfigName": "shop_conf", "File": {**file, "Name": "/conf"}}],
        "Secrets": [{"SecretName": "shop_word", "File": {**file, "Name": "word"}}],
    }
    return body


def deploy(here: Shop, text: str, *services: Raw, **more: Any) -> stacks.Deployed:
    """A release in which the config and the secret have a content."""
    return here.deploy(*services, Configs=[content(text)], Secrets=[content(text, "shop_word")], **more)


def shown(view: View) -> tuple[bytes, bytes]:
    """What the names mean."""
    (conf,) = view.configs.values()
    (word,) = view.secrets.values()
    return conf.data, word.data


def had(view: View, name: str) -> tuple[bytes, bytes]:
    """What a service has."""
    found = view.service_named(name)
    assert found is not None
    container = found.spec.typed.task_template.container_spec
    conf, word = view.config(container.configs[0].config_id), view.secret(container.secrets[0].secret_id)
    assert conf is not None
    assert word is not None
    return conf.data, word.data


ONE, TWO, THREE = ((text, text) for text in (b"one", b"two", b"three"))


def first(*more: Raw) -> Shop:
    """A stack whose first release has converged."""
    here = Shop()
    deploy(here, "one", having("web"), *more)
    here.live(40)
    assert here.release.outcome.state == "converged"
    here.begun.clear()
    return here


def outsider(here: Shop) -> None:
    """A service of somebody else's that has the stack's config and secret."""
    body = having("other")
    container = body["TaskTemplate"]["ContainerSpec"]
    (conf,), (word,) = here.view.configs, here.view.secrets
    container["Configs"][0]["ConfigID"], container["Secrets"][0]["SecretID"] = conf, word
    here.create({**body, "Name": "other", "Labels": {}})
    here.live(20)
    here.begun.clear()


def test_a_release_with_new_content_is_planned_and_rolled() -> None:
    here = first(service("cache"))
    deployed = deploy(here, "two", having("web"), service("cache"))
    cache, web = sorted(deployed.plan["Services"], key=lambda row: str(row["Name"]))
    assert (web["Action"], cache["Action"]) == ("rolled", "unchanged")
    assert web["Fields"] == [
        {"Path": "ContainerSpec.Configs[shop_conf].Version", "Old": "1", "New": "2"},
        {"Path": "ContainerSpec.Secrets[shop_word].Version", "Old": "1", "New": "2"},
    ]
    assert deployed.plan["Configs"] == [{"Name": "shop_conf", "Action": "new content", "Version": 2}]
    assert deployed.plan["Secrets"] == [{"Name": "shop_word", "Action": "new content", "Version": 2}]
    assert (shown(here.view), had(here.view, "shop_web")) == (TWO, TWO)
    here.live(40)
    assert here.release.outcome.state == "converged"
    assert [line for line in here.begun if line.startswith("web")] == ["web app:1"], "one roll"
    assert not deploy(here, "two", having("web"), service("cache")).changed


def test_what_fails_has_its_old_content_again() -> None:
    here = first()
    outsider(here)
    here.failing = {"app:bad"}
    deployed = deploy(here, "two", having("web", "bad"))
    assert [row["Name"] for row in deployed.plan["Services"]] == ["shop_web", "other"]
    assert had(here.view, "other") == TWO
    here.live(60)
    assert here.release.outcome.state == "rolled back"
    assert (shown(here.view), had(here.view, "shop_web"), had(here.view, "other")) == (ONE, ONE, ONE)
    assert here.running() == {"web": ["app:1"], "other": ["app:1"]}
    assert [row.number for row in versions_of(here.view, "config", "shop_conf")] == [1, 2]
    assert deploy(here, "two", having("web")).changed
    assert shown(here.view) == TWO
    assert here.view.release_of("shop") is not None
    here.live(60)
    assert [row.number for row in versions_of(here.view, "secret", "shop_word")] == [1, 2]


def test_one_that_takes_the_place_of_another_goes_back_to_what_was_before_both() -> None:
    here = first()
    outsider(here)
    here.failing = {"app:bad"}
    deploy(here, "two", having("web", "bad"))
    here.live(2)
    deploy(here, "three", having("web", "bad"))
    assert (shown(here.view), had(here.view, "other")) == (THREE, THREE)
    here.live(80)
    assert here.release.outcome.state == "rolled back"
    assert (shown(here.view), had(here.view, "shop_web"), had(here.view, "other")) == (ONE, ONE, ONE)


def test_each_name_goes_back_to_its_own_content() -> None:
    here = Shop()
    body = service("web")
    file = {"UID": "0", "GID": "0", "Mode": 292}
    body["TaskTemplate"]["ContainerSpec"]["Configs"] = [
        {"ConfigName": f"shop_{name}", "File": {**file, "Name": f"/{name}"}} for name in "abc"
    ]
    here.deploy(body, Configs=[content(name, f"shop_{name}") for name in "abc"])
    here.live(40)
    references = body["TaskTemplate"]["ContainerSpec"]["Configs"]
    keys = {row.name: row.id for row in here.view.configs.values()}
    for reference in references:
        reference["ConfigID"] = keys[reference["ConfigName"]]
    here.create({**body, "Name": "other", "Labels": {}})
    here.live(20)
    before = {name: here.view.service_named(name) for name in ("shop_web", "other")}
    for reference in references:
        del reference["ConfigID"]
    body["TaskTemplate"]["ContainerSpec"]["Image"] = "app:bad"
    here.failing = {"app:bad"}
    here.deploy(body, Configs=[content("new", "shop_a"), content("b", "shop_b"), content("new", "shop_c")])
    here.live(60)
    assert here.release.outcome.state == "rolled back"
    for name, was in before.items():
        now = here.view.service_named(name)
        assert was is not None
        assert now is not None
        assert now.spec == was.spec
    assert {row.name: row.id for row in here.view.configs.values()} == keys


def test_one_that_returns_to_what_was_before_another_and_fails() -> None:
    here = first()
    here.failing = {"app:bad", "app:worse"}
    deploy(here, "two", having("web", "bad"))
    here.live(2)
    deploy(here, "one", having("web", "worse"))
    assert shown(here.view) == ONE
    here.live(80)
    assert here.release.outcome.state == "rolled back"
    assert (shown(here.view), had(here.view, "shop_web")) == (ONE, ONE)


def test_what_was_made_and_renewed_on_the_way_goes_with_it() -> None:
    here = Shop()
    here.deploy(service("web"))
    here.live(40)
    here.failing = {"app:bad"}
    here.deploy(service("web", image="bad"), Configs=[content("one")])
    here.live(1)
    here.deploy(service("web", image="bad"), Configs=[content("two")])
    here.live(60)
    assert here.release.outcome.state == "rolled back"
    assert not here.view.configs


def test_what_somebody_changed_meanwhile_is_left_alone() -> None:
    here = first()
    outsider(here)
    here.failing = {"app:bad"}
    deploy(here, "two", having("web", "bad"))
    here.live(1)
    found = here.view.service_named("other")
    assert found is not None
    here.update("other", {**found.spec.raw, "Labels": {"mine": "1"}})
    here.live(60)
    assert here.release.outcome.state == "rolled back"
    assert (shown(here.view), had(here.view, "other")) == (ONE, TWO)


def test_an_unused_config_is_shown_again_too() -> None:
    here = Shop()
    here.deploy(service("web"), Configs=[content("one")])
    here.live(40)
    here.failing = {"app:bad"}
    here.deploy(service("web", image="bad"), Configs=[content("two")])
    here.live(60)
    (conf,) = here.view.configs.values()
    assert (conf.data, conf.number) == (b"one", 1)


def test_an_earlier_release_has_its_contents() -> None:
    here = first()
    outsider(here)
    deploy(here, "two", having("web"))
    here.live(60)
    planned = here.call(stacks.again(here.view.releases["shop.1"], by="", atomic=True))
    assert planned.plan["Configs"] == [{"Name": "shop_conf", "Action": "new content", "Version": 1}]
    assert (shown(here.view), had(here.view, "shop_web"), had(here.view, "other")) == (ONE, ONE, ONE)
    assert len(here.view.revisions_of(here.named("web").id)) == 3, "one revision for each release"
    here.live(60)
    assert here.release.outcome.state == "converged"
    assert deploy(here, "two", having("web")).changed
    assert shown(here.view) == TWO
    numbers = [row.number for row in versions_of(here.view, "config", "shop_conf")]
    assert numbers == [1, 2], "no content is there twice"


def test_going_back_that_fails_shows_what_was_shown() -> None:
    here = Shop()
    deploy(here, "one", having("web", "old"))
    here.live(40)
    deploy(here, "two", having("web"))
    here.live(40)
    here.failing = {"app:old"}
    here.call(stacks.again(here.view.releases["shop.1"], by="", atomic=True))
    assert shown(here.view) == ONE
    here.live(80)
    assert here.release.outcome.state == "rolled back"
    assert (shown(here.view), had(here.view, "shop_web")) == (TWO, TWO)


def test_what_the_file_has_no_more_is_rolled_and_what_is_pruned_is_not() -> None:
    here = first(having("old"))
    deploy(here, "two", having("web"))
    assert had(here.view, "shop_old") == TWO
    here.live(60)
    deploy(here, "three", having("web"), prune=True)
    assert had(here.view, "shop_old") == TWO
    here.live(60)
    assert here.view.service_named("shop_old") is None
    assert here.release.outcome.state == "converged"


def test_a_job_of_the_release_runs_with_the_new_content_and_one_beside_it_does_not() -> None:
    ours, beside = having("migrate"), having("beside")
    for body in (ours, beside):
        body["Mode"] = {"ReplicatedJob": {}}
        body["TaskTemplate"]["RestartPolicy"] = {"Condition": "none"}
    here = first(ours, beside)
    deploy(here, "two", having("web"), ours)
    here.live(60)
    assert here.release.outcome.state == "converged"
    assert sorted(line.split()[0] for line in here.begun) == ["migrate", "web"]
    assert had(here.view, "shop_beside") == TWO


def test_while_a_deployment_settles_the_tasks_stay_and_are_replaced_by_what_they_were() -> None:
    beside = having("beside")
    beside["Mode"] = {"ReplicatedJob": {}}
    beside["TaskTemplate"]["RestartPolicy"] = {"Condition": "none"}
    here = first(beside)
    here.renew(content("two"))
    assert here.note("web") == "waits for the rest of its deployment"
    assert here.note("beside") == "job complete"
    here.live(2)
    assert here.begun == []
    (task,) = here.tasks("web")
    here.observe(task, TaskState.FAILED, err="task: non-zero exit (1)", exit_code=1)
    here.live(2)
    (replaced,) = here.tasks("web")
    assert replaced.id != task.id
    assert replaced.spec.typed.container_spec.configs[0].config_id != next(iter(here.view.configs))
    here.live(SETTLING // 1_000_000_000 + 20)
    (last,) = here.tasks("web")
    assert last.spec.typed.container_spec.configs[0].config_id == next(iter(here.view.configs))


def test_a_release_that_comes_while_a_deployment_settles_is_none_of_it() -> None:
    here = first()
    here.failing = {"app:bad"}
    here.renew(content("two"))
    here.deploy(having("web", "bad"), Configs=[content("three")])
    here.live(60)
    assert here.release.outcome.state == "rolled back"
    assert here.named("web").revision == 2
    assert (shown(here.view), had(here.view, "shop_web")) == ((b"two", b"one"), (b"two", b"one"))
    (task,) = here.tasks("web")
    assert task.spec.typed.container_spec.configs[0].config_id == next(iter(here.view.configs))


def test_what_is_stopped_has_the_new_content_once_it_is_started() -> None:
    here = first()
    here.stop("web")
    here.live(5)
    assert here.running() == {}
    here.renew(content("two"))
    here.live(SETTLING // 1_000_000_000 + 5)
    assert here.running() == {}
    here.start("web")
    here.live(20)
    (task,) = here.tasks("web")
    assert task.spec.typed.container_spec.configs[0].config_id == next(iter(here.view.configs))


# ---- the parts


def rows() -> View:
    """Three versions of a name, the second one shown, and a namesake of another kind."""
    view = View()
    for row in (
        KeptConfig("a", "x", {"Labels": {}}, b"one", number=1, created_at=1),
        Config("b", "X", {"Labels": {}}, b"two", number=2, created_at=2),
        KeptConfig("c", "x", {"Labels": {}}, b"one", number=3, created_at=3),
        KeptConfig("d", "y", {"Labels": {}}, b"one", number=7, created_at=4),
    ):
        view = view.put(row)
    return view


def test_versions_are_those_of_a_name_in_any_case() -> None:
    view = rows()
    assert [row.id for row in versions_of(view, "config", "x")] == ["a", "b", "c"]
    assert versions_of(view, "secret", "x") == []
    assert [same_before(view, row) for row in versions_of(view, "config", "x")] == [0, 0, 1]
    assert uses_of(view, "a").services == ()
    assert users_of(view, {"a", "b"}) == []


@pytest.mark.parametrize(
    ("before", "spec", "data", "other"),
    [
        ({}, {}, b"one", False),
        ({}, {}, b"two", True),
        ({}, {}, b"", False),
        ({}, {"Labels": {"a": "b"}}, b"one", False),
        ({}, {"Templating": {"Name": "golang"}}, b"one", True),
        ({}, {"Templating": {"Name": "golang"}}, b"", False),
        ({"Templating": {"Name": "golang"}}, {"Templating": {"Name": "golang"}}, b"one", False),
        ({"Templating": {"Name": "golang"}}, {}, b"one", True),
        ({"Templating": None}, {}, b"one", False),
    ],
)
def test_what_is_another_content(before: Raw, spec: Raw, data: bytes, other: bool) -> None:
    file: File = Config("a", "x", before, b"one")
    assert is_other(file, spec, data) is other


def test_references_are_rewritten_and_nothing_else() -> None:
    container: Raw = {
        "Configs": [{"ConfigID": "a", "ConfigName": "x"}, {"ConfigID": "z", "ConfigName": "z"}],
        "Secrets": [{"SecretID": "a", "SecretName": "x"}],
        "Privileges": {"NoNewPrivileges": True, "CredentialSpec": {"Config": "a"}},
    }
    spec = {"Name": "s", "TaskTemplate": {"ContainerSpec": container, "ForceUpdate": 3}}
    after = referring(spec, "config", {"a", "b"}, "c")
    assert after == {
        "Name": "s",
        "TaskTemplate": {
            "ContainerSpec": {
                "Configs": [{"ConfigID": "c", "ConfigName": "x"}, {"ConfigID": "z", "ConfigName": "z"}],
                "Secrets": [{"SecretID": "a", "SecretName": "x"}],
                "Privileges": {"NoNewPrivileges": True, "CredentialSpec": {"Config": "c"}},
            },
            "ForceUpdate": 3,
        },
    }
    assert container["Configs"][0]["ConfigID"] == "a", "what was read is as it was"
    assert referring(after, "secret", {"a"}, "a") == after


def template(key: str) -> Raw:
    """What a task is that has a config."""
    return {"ContainerSpec": {"Image": "app:1", "Configs": [{"ConfigID": key, "ConfigName": "x"}]}}


def test_a_version_that_nothing_goes_back_to_has_no_number_any_more() -> None:
    view = rows()
    assert next_number(view, "config", "x") == 3, "c is only there until its tasks have ended"
    former = of_service({"Name": "s", "TaskTemplate": template("c")})
    present = of_service({"Name": "s", "TaskTemplate": template("b")})
    view = view.put(Service("s", "s", present, revision=2)).put(Revision("s.1", "s", 1, former, 1))
    assert next_number(view, "config", "x") == 4
    assert next_number(view, "config", "z") == 1


def test_what_something_that_is_kept_has_is_needed_and_nothing_else() -> None:
    def spec(key: str) -> Spec[ServiceSpec]:
        return of_service({"Name": "s", "TaskTemplate": template(key)})

    def part(key: str, action: str) -> ReleasedService:
        return ReleasedService(key, key, spec(key).raw, action)

    running, over = (
        Task(
            name,
            "s",
            "s",
            "n",
            of_task(template(f"of task {name}")),
            None,
            1,
            TaskState.RUNNING,
            TaskStatus(state, 1, ""),
        )
        for name, state in (("running", TaskState.RUNNING), ("over", TaskState.FAILED))
    )
    made = (Made("config", "m", "x", "replaced"), Made("config", "n", "y"))
    parts = (part("of release", "rolled"), part("removed", "removed"))
    view = View()
    for row in (
        Service("s", "s", spec("of service")),
        Revision("s.1", "s", 1, spec("of revision"), 1),
        Release("shop.1", "shop", 1, parts, made=made),
        Release(
            "shop.0",
            "shop",
            0,
            (),
            made=(Made("config", "o", "x", "of before"),),
            outcome=Outcome("converged"),
        ),
        running,
        over,
    ):
        view = view.put(row)
    needed = {"of service", "of revision", "of release", "of task running", "replaced"}
    assert files_needed(view) == needed
    assert files_of_release(view.releases["shop.1"]) == {"of release"}
    for key in (*needed, "removed", "of before", "of task over"):
        view = view.put(KeptConfig(key, "x", {}, b""))
    assert {row.id for row in files_needless(view)} == {"removed", "of before", "of task over"}
    assert [row.id for row in files_to_show(view, spec("removed").raw)] == ["removed"]
