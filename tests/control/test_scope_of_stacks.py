"""Who may do what with a stack as a whole: deploy, roll back, remove, and what is told of it, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.control import decode, secrets, stacks
from skerry.control.scope.decision import Asked, Verdict, decide
from skerry.control.scope.disclosure import shown, shows_happening
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.control.scope.masking import HIDDEN, masked
from skerry.control.scope.role import Role, read_role
from skerry.control.scope.service_rules import EngineKnows
from skerry.model.event import Event
from skerry.model.files import File
from skerry.model.labels import STACK
from skerry.model.objects import Raw
from skerry.model.releases import Release
from tests.control.swarm_of_one import World, spec

OWN = {STACK: "shop"}
DEPLOY = read_role("deploy:shop", ("app",), ("public",))
READ = read_role("read")
CHANGE = of("stack", Deploy.CHANGE)


def service(name: str = "shop_web", labels: Raw | None = None, **more: Any) -> Raw:
    """A service of the stack."""
    return spec(name, Labels={**OWN, **(labels or {})}, **more)


def file(name: str, **more: Any) -> Raw:
    """A config or a secret of the stack."""
    return {"Name": name, "Labels": OWN, "Data": "YQ==", **more}


def network(name: str = "shop_net", **more: Any) -> Raw:
    """A network of the stack."""
    return {"Name": name, "Driver": "overlay", "Labels": OWN, **more}


def on(*targets: str, **container: Any) -> Raw:
    """A service on these networks."""
    return service(task={"Networks": [{"Target": target} for target in targets]}, container=container)


def body(*services: Raw, **more: Any) -> Raw:
    """What a client sends for them, decoded as its endpoint does."""
    return decode.read({"Services": [*services], **more}, "skerry.Stack")


class Town:
    """The stacks `shop`, `shop_eu` and `other`, and things of nobody's that are called like shop's."""

    def __init__(self) -> None:
        self.world = World()
        for name in ("public", "private", "shop_loose"):
            self.world.network(name)
        self.loose = self.world.secret("shop_loose")
        self.foreign = self.world.run(
            secrets.create(self.world.store, {**file("other_word"), "Labels": {STACK: "other"}})
        )
        self.world.config("Shop_Loose")
        self.world.service("shop_loose")
        for stack in ("shop", "shop_eu", "other"):
            made = self.world.service(f"{stack}_web", Labels={STACK: stack})
            self.world.task(made, labels={STACK: stack})

    def release(self, *services: Raw, **more: Any) -> Release:
        """Deploy a release of shop as an administrator."""
        wanted = stacks.Wanted("shop", body(*services, **more))
        self.world.run(self.world.store.update(lambda tx: stacks.deploy(tx, wanted, stacks.Circumstances())))
        release = self.world.view.release_of("shop")
        assert release is not None
        return release

    def refusal(self, asked: Asked, known: EngineKnows | None = None, role: Role = DEPLOY) -> str:
        """Why something may not be done; empty where it may."""
        return decide(role, asked, self.world.view, known).reason

    def deploying(self, sent: Raw, ref: str = "shop", **more: Any) -> str:
        """Why a stack may not be deployed."""
        return self.refusal(Asked(CHANGE, ref=ref, body=sent, **more))


@pytest.fixture(scope="module")
def town() -> Town:
    """It is only looked at."""
    return Town()


SECRET: Raw = {"SecretName": "shop_word", "File": {"Name": "w"}}


@pytest.mark.parametrize(
    "sent",
    [
        body(),
        body(service()),
        body(service(), service("shop_db"), Message="second", Source={"Text": "x", "Origin": "here"}),
        body(on("shop_net", "public"), Networks=[network()]),
        body(on(Secrets=[SECRET]), Secrets=[file("shop_word")], Configs=[file("shop_conf")]),
        body(on(Mounts=[{"Type": "volume", "Source": "shop_data", "Target": "/d"}])),
        body(Volumes=[{"Name": "shop_data", "Labels": OWN}]),
        body(service(labels={"skerry.depends_on": "db:healthy", "skerry.drain.timeout": "5s"})),
        body(service(container={"Labels": {"skerry.shm-size": "64m", "skerry.domainname": "x"}})),
    ],
)
def test_what_may_be_deployed(town: Town, sent: Raw) -> None:
    assert town.deploying(sent) == ""


BEYOND: list[tuple[Raw, str]] = [
    # each service by the rule of one that comes alone
    (body(service(), service("other_web")), "of the service other_web, the name"),
    (body(service("shop_eu_web")), "the name"),
    (body(spec("shop_new")), "is missing"),
    (body(service(labels={STACK: "other"})), "of another stack"),
    (body(service(container={"Image": "nginx"})), "the image"),
    (body(on(Mounts=[{"Type": "bind", "Source": "/", "Target": "/h"}])), "type bind"),
    (body(on("host")), "the network host"),
    (body(on("private")), "the network private"),
    (body(on(CapabilityAdd=["ALL"])), "CapabilityAdd"),
    # what is there already and nobody's, or somebody else's
    (body(service("shop_loose")), "what is called so is not of the stack"),
    (body(Secrets=[file("shop_loose")]), "what is called so is not of the stack"),
    (body(Secrets=[file("shop_LOOSE")]), "what is called so is not of the stack"),
    (body(Configs=[file("shop_loose")]), "what is called so is not of the stack"),
    (body(on("shop_loose"), Networks=[network("shop_loose")]), "what is called so is not of the stack"),
    (body(on("shop_loose")), "the network shop_loose"),
    # the other parts
    (body(Secrets=[file("other_word")]), "of the secret other_word, the name"),
    (body(Secrets=[file("shop_word", Driver={"Name": "vault"})]), "Driver"),
    (body(Configs=[file("shop_conf", Labels={STACK: "other"})]), "of another stack"),
    (body(Networks=[network("public")]), "the name"),
    (body(Networks=[network(Driver="macvlan")]), "the driver macvlan"),
    (body(Volumes=[{"Name": "other_data"}]), "the name"),
    (body(Volumes=[{"Name": "shop_data", "DriverOpts": {"device": "/"}}]), "DriverOpts"),
    (body(Volumes=[{"Name": "shop_data", "Labels": {STACK: "other"}}]), "of another stack"),
    (body(Newest=1), "Newest"),
    # a file by its name alone
    (body(on(Secrets=[{**SECRET, "SecretName": "shop_loose"}])), "the secret shop_loose"),
    (body(on(Secrets=[{**SECRET, "SecretName": "other_word"}])), "the secret other_word"),
    (body(on(Secrets=[{**SECRET, "SecretName": "@foreign"}])), "the secret"),
    (
        body(on(Secrets=[{**SECRET, "SecretID": "@foreign"}]), Secrets=[file("shop_word")]),
        "the secret shop_word",
    ),
    (body(on(Configs=[{"ConfigName": "Shop_Loose"}])), "the config Shop_Loose"),
    # what else another stack is told by
    (body(service(labels={"skerry.depends_on": "eu_web:healthy"})), "shop_eu_web, which it depends on"),
    # labels of containers
    *(
        (body(service(container={"Labels": {f"skerry.{name}": value}})), f"skerry.{name}")
        for name, value in (
            ("privileged", "true"), ("devices", "/dev/sda"), ("devices.cdi", "a.b/c=d"), ("gpus", "all"),
            ("devices.cgroup-rules", "a"), ("ipc", "host"), ("pid", "host"), ("uts", "host"),
            ("userns", "host"), ("cgroup", "host"), ("cgroup.parent", "/"), ("runtime", "x"),
            ("security-opt", "seccomp=unconfined"), ("oom.score-adj", "-1000"), ("tmpfs", "/r:dev"),
            ("annotations", "a=b"), ("storage-opt", "size=1"), ("mac-address", "02:42:ac:11:00:01"),
            ("socket", "engine"),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "why"), BEYOND)
def test_what_may_not_be_deployed(town: Town, sent: Raw, why: str) -> None:
    text = decode.read(_with_ids(sent, town.foreign), "skerry.Stack")
    assert why in town.deploying(text)


def _with_ids(value: Any, key: str) -> Any:
    """`@foreign` as the ID of another stack's secret."""
    if isinstance(value, dict):
        return {name: _with_ids(item, key) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_ids(item, key) for item in value]
    return key if value == "@foreign" else value


def test_a_lone_service_names_its_secrets_by_id() -> None:
    """Only where a whole stack is deployed is a name looked up."""
    town = Town()
    town.release(service(), Secrets=[file("shop_word")])
    sent = decode.read(on(Secrets=[SECRET]), "swarm.ServiceSpec")
    assert "the secret shop_word" in town.refusal(Asked(of("service", Deploy.CREATE), body=sent))
    assert town.deploying(body(on(Secrets=[SECRET]))) == ""


@pytest.mark.parametrize("ref", ["other", "shop_eu", "shop_", "", "sho", "SHOP", "shop_web"])
@pytest.mark.parametrize("access", [CHANGE, of("stack", Deploy.SEE), of("release", Deploy.SEE)])
def test_another_stack_is_nobodys(town: Town, access: Any, ref: str) -> None:
    assert "is not shop" in town.refusal(Asked(access, ref=ref))
    assert decide(DEPLOY, Asked(access, ref="shop"), town.world.view) == Verdict(key="shop")


def test_what_bears_the_label_and_not_the_name_does_not_go_with_the_stack() -> None:
    town = Town()
    assert town.refusal(Asked(CHANGE, ref="shop")) == ""
    town.world.service("stranger", Labels=OWN)
    why = "the service stranger bears the stack's label, and by its name it is not the stack's"
    assert town.refusal(Asked(CHANGE, ref="shop")) == why
    assert town.deploying(body(service()), prune=True) == why
    assert town.deploying(body(service())) == ""


# ---- another content


@pytest.mark.parametrize("kind", ["config", "secret"])
def test_another_content_is_the_stacks_to_give_where_nobody_else_has_it(kind: str) -> None:
    town, prefix = Town(), kind.capitalize()
    using = on(**{f"{prefix}s": [{f"{prefix}Name": "shop_x", "File": {"Name": "x"}}]})
    first = town.release(using, **{f"{prefix}s": [file("shop_x")]})
    other = decode.read(file("shop_x", Data="Yg=="), f"swarm.{prefix}Spec")
    same = decode.read(file("shop_x"), f"swarm.{prefix}Spec")
    change = of(kind, Deploy.CHANGE)  # type: ignore[arg-type]

    def refusals(sent: Raw) -> list[str]:
        return [
            town.refusal(Asked(change, ref="shop_x", body=sent)),
            town.deploying(body(using, **{f"{prefix}s": [sent]})),
        ]

    assert refusals(other) == ["", ""]
    town.release(using, **{f"{prefix}s": [other]})
    assert returning(town, first) == ""
    rows: list[File] = [*town.world.view.configs.values(), *town.world.view.secrets.values()]
    row = next(row for row in rows if row.name == "shop_x")
    reference = {f"{prefix}ID": row.id, f"{prefix}Name": "shop_x", "File": {"Name": "x"}}
    town.world.service("other_reader", Labels={STACK: "other"}, container={f"{prefix}s": [reference]})
    why = "a service that is not of the stack shop uses shop_x, and would be rolled"
    assert [why in reason for reason in refusals(same)] == [True, True]
    assert refusals(other) == ["", ""], "it is what is there"
    assert returning(town, first) == f"of its release 1, {why}"


# ---- going back


def returning(town: Town, release: Release | None, ref: str = "shop", **more: Any) -> str:
    """Why the stack may not go back to a release."""
    return town.refusal(Asked(of("stack", Deploy.RETURN), ref=ref, release=release), **more)


def test_a_release_that_would_be_deployed_today_is_gone_back_to() -> None:
    town = Town()
    wanted = body(
        on("shop_net", "public", Secrets=[SECRET]), Networks=[network()], Secrets=[file("shop_word")]
    )
    first = town.release(*wanted["Services"], Networks=wanted["Networks"], Secrets=wanted["Secrets"])
    town.release(service())
    assert returning(town, first) == ""
    assert "is not shop" in returning(town, first, "other")
    assert returning(town, None)


@pytest.mark.parametrize(
    ("earlier", "why"),
    [
        (service(container={"Image": "nginx"}), 'the image "nginx'),
        (on(Mounts=[{"Type": "bind", "Source": "/", "Target": "/h"}]), "type bind"),
        (on(CapabilityAdd=["ALL"]), "CapabilityAdd"),
        (on("private"), "the network"),
        (service(container={"Labels": {"skerry.privileged": "true"}}), "skerry.privileged"),
    ],
)
def test_a_release_that_would_not_be_deployed_today_is_not_gone_back_to(earlier: Raw, why: str) -> None:
    town = Town()
    first = town.release(earlier)
    town.release(service())
    reason = returning(town, first)
    assert reason.startswith("of its release 1, of the service shop_web, ")
    assert why in reason


def test_images_and_volumes_of_a_release_are_held_against_what_the_engine_knows() -> None:
    town = Town()
    digest = "sha256:" + "a" * 64
    mount = {"Type": "volume", "Source": "shop_data", "Target": "/d"}
    first = town.release(on(Mounts=[mount], Image=f"app@{digest}"))
    for known, why in [
        (EngineKnows(), ""),
        (EngineKnows(images={digest: ("internal:1",)}), "by other names only"),
        (EngineKnows(volumes={"shop_data": "other"}), "was made by other"),
    ]:
        reason = returning(town, first, known=known)
        assert why in reason
        assert bool(reason) is bool(why)


# ---- what is told


@pytest.mark.parametrize(
    ("ref", "why"),
    [
        ("shop", ""),
        ("shop_web", ""),
        ("shop_web.1", ""),
        ("other", "the stack other is not shop"),
        ("other_web", "is not of the stack"),
        ("other_web.3", "is not of the stack"),
        ("shop_eu", "the stack shop_eu is not shop"),
        ("shop_eu_web", "is not of the stack"),
        ("shop_loose", "is not of the stack"),
        ("nothing", "is not of the stack"),
        ("", "is not shop"),  # the services of no stack
    ],
)
def test_of_whom_is_asked_why_and_for_logs(town: Town, ref: str, why: str) -> None:
    for asked in (
        Asked(of("subject", Deploy.SEE), ref=ref),
        Asked(of("subject", Deploy.LIST), named=("shop", ref)),
    ):
        assert why in town.refusal(asked)
        assert bool(town.refusal(asked)) is bool(why)
        assert not town.refusal(asked, role=READ)


@pytest.mark.parametrize(
    ("ref", "may"),
    [
        ("shop", True),
        ("shop_web", True),
        ("shop_gone", True),
        ("", True),
        ("other", False),
        ("shop_eu_x", False),
    ],
)
def test_of_whom_events_are_asked(town: Town, ref: str, may: bool) -> None:
    asked = Asked(of("chronicle", Deploy.LIST), named=(ref,))
    assert bool(town.refusal(asked)) is not may


@pytest.mark.parametrize(
    ("event", "is_shown"),
    [
        (Event(1, "ready", "", "shop_web.1", "shop_web", "shop"), True),
        (Event(1, "removed", "", "shop_gone", "shop_gone", "shop"), True),
        (Event(1, "network", "", "shop_net"), True),
        (Event(1, "ready", "", "other_web.1", "other_web", "other"), False),
        (Event(1, "ready", "", "shop_eu_web.1", "shop_eu_web", "shop_eu"), False),
        (Event(1, "ready", "", "shop_loose.1", "shop_loose", ""), False),
        (Event(1, "ready", "", "other_web.1", "other_web", "shop"), False),
        (Event(1, "machine", "", "disk"), False),
        (Event(1, "port", "", "tcp/80"), False),
    ],
)
def test_events_of_the_chronicle(town: Town, event: Event, is_shown: bool) -> None:
    assert shows_happening(DEPLOY, event, town.world.view) is is_shown
    assert shows_happening(READ, event, town.world.view)


def test_stacks_are_listed_for_whom_they_are(town: Town) -> None:
    rows = [{"Name": name} for name in stacks.names(town.world.view)]
    assert {row["Name"] for row in rows} == {"shop", "shop_eu", "other"}
    assert shown(DEPLOY, "stack", rows, town.world.view) == [{"Name": "shop"}]
    assert shown(READ, "stack", rows, town.world.view) == rows
    assert shown(DEPLOY, "release", [{"Number": 1}], town.world.view) == [{"Number": 1}]


def test_a_cause_names_no_service_of_another_stack(town: Town) -> None:
    cause = {
        "kind": "port-held",
        "sentence": "the port 80/tcp is held by the service other_web",
        "evidence": ["its task other_web.1 publishes it", "shop_eu_web has reserved 1 GB"],
        "advice": ["docker service update shop_web"],
        "log": ["no answer from other_web"],
    }
    answer = {"kind": "service", "name": "shop_web", "causes": [cause]}
    (told,) = shown(DEPLOY, "subject", answer, town.world.view)["causes"]
    assert told["sentence"] == "the port 80/tcp is held by the service another"
    assert told["evidence"] == ["its task another publishes it", "another has reserved 1 GB"]
    assert told["advice"] == cause["advice"]
    assert told["log"] == cause["log"]
    assert shown(READ, "subject", answer, town.world.view) == answer


@pytest.mark.parametrize(
    ("row", "old", "new"),
    [
        (("ContainerSpec.Env[DB_PASSWORD]", "hunter2", "hunter3"), HIDDEN, HIDDEN),
        (("ContainerSpec.Env[URL]", None, "postgres://u:p@db/x"), None, HIDDEN),
        (("ContainerSpec.Env[MODE]", "slow", "fast"), "slow", "fast"),
        (("ContainerSpec.Env", ["TOKEN=a", "TOKEN=b"], ["A=b"]), [f"TOKEN={HIDDEN}"] * 2, ["A=b"]),
        (("ContainerSpec.Image", "app:1", "app:2"), "app:1", "app:2"),
        (("ContainerSpec", None, {"Env": ["TOKEN=a"]}), None, {"Env": [f"TOKEN={HIDDEN}"]}),
    ],
)
def test_a_plan_tells_readers_no_secret(row: tuple[str, Any, Any], old: Any, new: Any) -> None:
    path, before, after = row
    plan = {"Plan": {"Services": [{"Fields": [{"Path": path, "Old": before, "New": after}]}]}}
    (field,) = masked(plan)["Plan"]["Services"][0]["Fields"]
    assert field == {"Path": path, "Old": old, "New": new}


def test_the_text_of_a_compose_file_is_not_told_to_readers() -> None:
    release = {"Source": {"Text": "environment: [PASSWORD=x]", "Origin": "here"}, "Text": "as it is"}
    assert masked(release) == {"Source": {"Text": HIDDEN, "Origin": "here"}, "Text": "as it is"}
    assert masked({"Source": "/var/lib", "Text": ""}) == {"Source": "/var/lib", "Text": ""}
