"""Who may do what: the decision about one request, for each role, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from skerry.api.app import ROUTES
from skerry.api.passed import PASSED
from skerry.api.route import Route
from skerry.control import decode
from skerry.control.scope.decision import Asked, Verdict, decide, may_at_all
from skerry.control.scope.disclosure import shown, shows_event
from skerry.control.scope.endpoint_access import ADMIN_ONLY, EVERYBODY, UNDECIDED, Deploy, of
from skerry.control.scope.image_patterns import allowed
from skerry.control.scope.masking import masked
from skerry.control.scope.role import ADMIN, Role, read_role
from skerry.control.scope.service_rules import EngineKnows
from skerry.control.scope.spec_fields import USABLE
from skerry.model.errors import InvalidParameter
from skerry.model.labels import STACK
from skerry.model.objects import Raw, Service
from skerry.model.shapes import FIELDS
from tests.control.swarm_of_one import World, spec

OWN = {STACK: "shop"}
DEPLOY = read_role("deploy:shop", ("registry.local/team/*", "app"), ("public",))
READ = read_role("read")


def named(name: str, stack: str = "shop", **more: Any) -> Raw:
    """A service's spec of a stack; its image may run there."""
    labels = {STACK: stack, **more.pop("labels", {})}
    return spec(name, Labels=labels, **more)


class Stacks:
    """Two stacks, `shop` and `shop_eu`, and what belongs to neither."""

    def __init__(self) -> None:
        self.world = World()
        self.ids: dict[str, str] = {}
        for stack in ("shop", "shop_eu", "other"):
            labels = {STACK: stack}
            self.ids[f"{stack}_net"] = self.world.network(f"{stack}_net", Labels=labels)
            service = self.world.service(f"{stack}_web", Labels=labels)
            self.ids[f"{stack}_web"] = service.id
            self.ids[f"{stack}_task"] = self.world.task(service, labels=labels).id
        for name in ("public", "private"):
            self.ids[name] = self.world.network(name)
        self.ids["shop_word"] = self.world.secret("shop_word")
        self.ids["other_word"] = self.world.secret("other_word")
        self.ids["shop_conf"] = self.world.config("shop_conf")

    def decided(self, role: Role, asked: Asked, known: EngineKnows | None = None) -> Verdict:
        """The decision as things are."""
        return decide(role, asked, self.world.view, known)

    def refusal(self, kind: Any, body: Raw, known: EngineKnows | None = None, shape: str = "") -> str:
        """Why a body may not be created; decoded as its endpoint does."""
        shapes = {
            "service": "swarm.ServiceSpec",
            "network": "types.NetworkCreateRequest",
            "secret": "swarm.SecretSpec",
            "config": "swarm.ConfigSpec",
        }
        read = decode.read(body, shape or shapes[kind])
        return self.decided(DEPLOY, Asked(of(kind, Deploy.CREATE), body=read), known).reason


@pytest.fixture(scope="module")
def stacks() -> Stacks:
    """They are only looked at."""
    return Stacks()


# ---- the table of endpoints


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_endpoint_has_a_decision(route: Route) -> None:
    """Without one an endpoint is an administrator's alone; it is to be said all the same."""
    assert route.access is not UNDECIDED, "say by access= who may ask it: ADMIN_ONLY for nobody else"


def test_what_changes_something_is_not_for_readers() -> None:
    for route in ROUTES:
        if route.method not in ("GET", "HEAD"):
            assert not may_at_all(READ, route.access)


def test_what_may_be_changed_is_the_stack_and_its_four_kinds_alone() -> None:
    changing = {
        (route.method, route.path)
        for route in ROUTES
        if route.access.deploy in (Deploy.CREATE, Deploy.CHANGE, Deploy.RETURN)
    }
    places = {path.removeprefix("/skerry").split("/")[1] for _, path in changing}
    assert places == {"services", "networks", "configs", "secrets", "stacks"}
    for route in ROUTES:
        if route.method not in ("GET", "HEAD") and (route.method, route.path) not in changing:
            assert not may_at_all(DEPLOY, route.access)


def test_of_the_engines_own_endpoints_three_pass() -> None:
    asked = [(row.method, row.path) for row in PASSED]
    assert asked == [("GET", "/version"), ("GET", "/images/json"), ("GET", "/images/{ref}/json")]


def test_every_part_of_a_body_has_its_fields_named() -> None:
    """What can stand in one of the bodies is named, or refused where it stands."""
    unknown = {
        (shape, name)
        for shape, names in USABLE.items()
        for name in names
        if name not in FIELDS.get(shape, ())
    }
    assert unknown == {("types.NetworkCreateRequest", "EnableIPv4")}
    assert set(USABLE) <= set(FIELDS)


# ---- roles


@pytest.mark.parametrize(
    ("text", "images", "why"),
    [
        ("root", (), "there is no role"),
        ("read:shop", (), "there is no role"),
        ("admin:shop", (), "there is no role"),
        ("deploy", ("*",), "no name of a stack"),
        ("deploy:", ("*",), "no name of a stack"),
        ("deploy:sh op", ("*",), "no name of a stack"),
        ("deploy:shop_", ("*",), "no name of a stack"),
        ("deploy:*", ("*",), "no name of a stack"),
        ("deploy:shop", (), "which images"),
        ("deploy:shop", ("",), "which images"),
        ("read", ("*",), "go with deploy"),
    ],
)
def test_no_role(text: str, images: tuple[str, ...], why: str) -> None:
    with pytest.raises(InvalidParameter, match=why):
        read_role(text, images)


def test_an_administrator_may_do_everything_and_nobody_else_what_is_not_said(stacks: Stacks) -> None:
    assert stacks.decided(ADMIN, Asked(ADMIN_ONLY)) == Verdict()
    for role in (READ, DEPLOY):
        assert stacks.decided(role, Asked(ADMIN_ONLY)).reason
        assert not stacks.decided(role, Asked(EVERYBODY)).reason


# ---- what the path names


@pytest.mark.parametrize(
    ("kind", "ref", "why"),
    [
        ("service", "shop_web", ""),
        ("service", "@shop_web", ""),
        ("service", "@shop_web[:9]", ""),
        ("service", "other_web", "not of the stack"),
        ("service", "@other_web", "not of the stack"),
        ("service", "@other_web[:9]", "not of the stack"),
        ("service", "shop_eu_web", "not of the stack"),
        ("service", "nothing", "not of the stack"),
        ("service", "", "not of the stack"),
        ("task", "@shop_task", ""),
        ("task", "@other_task", "not of the stack"),
        ("task", "@shop_eu_task", "not of the stack"),
        ("network", "shop_net", ""),
        ("network", "other_net", "not of the stack"),
        ("network", "ingress", "not of the stack"),
        ("network", "host", "not of the stack"),
        ("network", "private", "not of the stack"),
        ("secret", "other_word", "not of the stack"),
        ("secret", "shop_word", "not of the stack"),  # it does not bear the stack's label
        ("config", "SHOP_CONF", "not of the stack"),
    ],
)
def test_the_object_in_the_path(stacks: Stacks, kind: Any, ref: str, why: str) -> None:
    name, _, part = ref.removeprefix("@").partition("[")
    meant = (stacks.ids[name][:9] if part else stacks.ids[name]) if ref.startswith("@") else ref
    for deploy in (Deploy.SEE, Deploy.CHANGE):
        verdict = stacks.decided(DEPLOY, Asked(of(kind, deploy), ref=meant))
        assert why in verdict.reason
        assert bool(verdict.reason) is bool(why)
        assert verdict.key == ("" if why else stacks.ids[name])


def test_a_network_that_may_be_joined_is_seen_and_not_changed(stacks: Stacks) -> None:
    seen = stacks.decided(DEPLOY, Asked(of("network", Deploy.SEE), ref="public"))
    assert seen == Verdict(key=stacks.ids["public"])
    assert stacks.decided(DEPLOY, Asked(of("network", Deploy.CHANGE), ref="public")).reason


def test_what_is_not_there_is_told_of_the_stacks_own_names_alone(stacks: Stacks) -> None:
    assert stacks.decided(DEPLOY, Asked(of("secret", Deploy.SEE), ref="shop_new")) == Verdict(missing=True)
    assert stacks.decided(DEPLOY, Asked(of("secret", Deploy.SEE), ref="other_new")).reason


# ---- what a body says

MOUNT: Raw = {"Type": "volume", "Source": "shop_data", "Target": "/data"}


def container(**fields: Any) -> Raw:
    """A service of the stack with this in its container."""
    return named("shop_web", container=fields)


@pytest.mark.parametrize(
    "body",
    [
        named("shop_web"),
        named(
            "shop_web",
            labels={"com.docker.stack.image": "app:1", "skerry.drain.timeout": "5s", "traefik": ""},
        ),
        container(Image="registry.local/team/a/b:2@sha256:" + "0" * 64),
        container(Mounts=[MOUNT, {"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 5}}]),
        container(
            Mounts=[{**MOUNT, "VolumeOptions": {"Labels": OWN, "NoCopy": True}}, {**MOUNT, "Source": ""}]
        ),
        container(CapabilityDrop=["ALL"], Privileges={"NoNewPrivileges": True}, ReadOnly=True, User="1000"),
        container(
            Privileges={"CredentialSpec": None, "SELinuxContext": None}, Sysctls={"net.core.somaxconn": "9"}
        ),
        container(Healthcheck={"Test": ["CMD", "true"]}, Env=["A={{.Node.Hostname}}"], Hosts=["1.2.3.4 a"]),
        named(
            "shop_web", task={"Networks": [{"Target": "shop_net", "Aliases": ["web"]}, {"Target": "public"}]}
        ),
        named("shop_web", task={"LogDriver": {"Name": "json-file", "Options": {"max-size": "1m"}}}),
        named(
            "shop_web", task={"Resources": {"Limits": {"MemoryBytes": 5}, "Reservations": {"NanoCPUs": 5}}}
        ),
        named("shop_web", EndpointSpec={"Ports": [{"TargetPort": 80, "PublishedPort": 80}]}),
    ],
)
def test_what_a_stack_may_run(stacks: Stacks, body: Raw) -> None:
    assert stacks.refusal("service", body) == ""


DIGEST = "sha256:" + "a" * 64

BEYOND: list[tuple[Raw, str]] = [
    # names and labels
    (named("other_web", "other"), "the name"),
    (named("other_web"), "the name"),
    (named("shop_eu_new"), "the name"),
    (named(""), "the name"),
    (named("shop"), "the name"),
    (named("shop_web", "other"), "of another stack"),
    (spec("shop_web"), "is missing"),
    (named("shop_web", labels={"skerry.socket": "engine"}), "skerry.socket"),
    (named("shop_web", labels={"skerry.moved": "x"}), "skerry.moved"),
    (named("shop_web", labels={"com.docker.compose.project": "x"}), "com.docker.compose"),
    (container(Labels={STACK: "other"}), "of another stack"),
    (container(Labels={"skerry.socket": "engine"}), "skerry.socket"),
    (container(Labels={"skerry.instance": "skerry"}), "skerry.instance"),
    (container(Labels={"com.docker.swarm.task.id": "x"}), "com.docker.swarm"),
    # images
    (container(Image="nginx"), "the image"),
    (container(Image="registry.local/teams/app"), "the image"),
    (container(Image="registry.local.evil/team/app"), "the image"),
    (container(Image="evil/registry.local/team/app"), "the image"),
    (container(Image=DIGEST), "the image"),
    (container(Image=""), "the image"),
    (container(Image="registry.local/team/../other/app"), "the image"),
    # mounts
    (container(Mounts=[{"Type": "bind", "Source": "/etc", "Target": "/h"}]), "type bind"),
    (container(Mounts=[{"Type": "BIND", "Source": "/etc", "Target": "/h"}]), "type bind"),
    (container(Mounts=[{"Source": "/etc", "Target": "/h"}]), "type bind"),
    (container(Mounts=[{"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/s"}]), "type bind"),
    (container(Mounts=[{"Type": "npipe", "Source": "x", "Target": "/h"}]), "type npipe"),
    (container(Mounts=[{"Type": "cluster", "Source": "shop_c", "Target": "/h"}]), "type cluster"),
    (container(Mounts=[{"Type": "image", "Source": "nginx", "Target": "/h"}]), "type image"),
    (container(Mounts=[{**MOUNT, "Source": "other_data"}]), "the volume other_data"),
    (container(Mounts=[{**MOUNT, "Source": "shop_eu_data"}]), "the volume shop_eu_data"),
    (container(Mounts=[{**MOUNT, "Source": "/etc"}]), "the volume /etc"),
    (container(Mounts=[{**MOUNT, "Source": "shop_{{.Service.Name}}"}]), "is a template"),
    (container(Mounts=[{**MOUNT, "Source": "{{.Service.Name}}"}]), "is a template"),
    (container(Mounts=[{**MOUNT, "Target": "/{{.Service.Name}}"}]), "is a template"),
    (
        container(
            Mounts=[{**MOUNT, "VolumeOptions": {"DriverConfig": {"Options": {"o": "bind", "device": "/"}}}}]
        ),
        "DriverConfig",
    ),
    (container(Mounts=[{**MOUNT, "volumeoptions": {"driverconfig": {"name": "nfs"}}}]), "DriverConfig"),
    (container(Mounts=[{**MOUNT, "VolumeOptions": {"Labels": {STACK: "other"}}}]), "of another stack"),
    (container(Mounts=[{**MOUNT, "BindOptions": {"Propagation": "rshared"}}]), "BindOptions"),
    (container(Mounts=[{"Type": "tmpfs", "Target": "/t", "ſource": "/etc"}]), "ſource"),
    # rights
    (container(CapabilityAdd=["SYS_ADMIN"]), "CapabilityAdd"),
    (container(capabilityadd=["ALL"]), "CapabilityAdd"),
    (container(Privileges={"Seccomp": {"Mode": "unconfined"}}), "Seccomp"),
    (container(Privileges={"Seccomp": {"Mode": "custom", "Profile": "e30="}}), "Seccomp"),
    (container(Privileges={"AppArmor": {"Mode": "disabled"}}), "AppArmor"),
    (container(Privileges={"SELinuxContext": {"Disable": True}}), "SELinuxContext"),
    (container(Privileges={"CredentialSpec": {"File": "x"}}), "CredentialSpec"),
    (container(Sysctls={"kernel.msgmax": "9"}), "kernel.msgmax"),
    (container(Newest=1), "Newest"),
    (container(Isolation="hyperv"), "isolation"),
    (container(Privileged=True), "Privileged"),
    (container(Devices=[{"PathOnHost": "/dev/sda"}]), "Devices"),
    (container(**{"skerry.content": DIGEST}), "skerry.content"),
    (
        named("shop_web", task={"Resources": {"Reservations": {"GenericResources": [
            {"DiscreteResourceSpec": {"Kind": "gpu", "Value": 1}}]}}}),
        "GenericResources",
    ),
    (named("shop_web", task={"PluginSpec": {"Name": "x"}, "Runtime": "plugin"}), "PluginSpec"),
    (named("shop_web", HostConfig={"Privileged": True}), "HostConfig"),
    # networks
    (named("shop_web", task={"Networks": [{"Target": "other_net"}]}), "the network other_net"),
    (named("shop_web", task={"Networks": [{"Target": "@other_net"}]}), "the network"),
    (named("shop_web", task={"Networks": [{"Target": "@other_net[:8]"}]}), "the network"),
    (named("shop_web", task={"Networks": [{"Target": "shop_eu_net"}]}), "the network"),
    (named("shop_web", task={"Networks": [{"Target": "host"}]}), "the network host"),
    (named("shop_web", task={"Networks": [{"Target": "ingress"}]}), "the network ingress"),
    (named("shop_web", task={"Networks": [{"Target": "private"}]}), "the network private"),
    (named("shop_web", task={"Networks": [{"Target": ""}]}), "the network"),
    (named("shop_web", Networks=[{"Target": "other_net"}]), "the network other_net"),
    (
        named("shop_web", task={"Networks": [{"Target": "shop_net", "DriverOpts": {"a": "b"}}]}),
        "DriverOpts",
    ),
    # configs, secrets, logs
    (container(Secrets=[{"SecretID": "@other_word", "SecretName": "other_word"}]), "the secret other_word"),
    (container(Secrets=[{"SecretID": "@other_word", "SecretName": "shop_mine"}]), "the secret shop_mine"),
    (container(Secrets=[{"SecretID": "none", "SecretName": "shop_mine"}]), "the secret shop_mine"),
    (container(Configs=[{"ConfigID": "@shop_conf", "ConfigName": "shop_conf"}]), "the config shop_conf"),
    (container(Configs=[{"ConfigID": "x", "ConfigName": "y", "Runtime": {}}]), "the config y"),
    (named("shop_web", task={"LogDriver": {"Name": "syslog"}}), "the log driver syslog"),
    (
        named("shop_web", task={"LogDriver": {"Name": "json-file", "Options": {"syslog-address": "unix:///x"}}}),
        "syslog-address",
    ),
]  # fmt: skip


def with_ids(value: Any, ids: dict[str, str]) -> Any:
    """`@NAME` as the ID of what is called so, `@NAME[:8]` as its beginning."""
    if isinstance(value, dict):
        return {key: with_ids(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [with_ids(item, ids) for item in value]
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    name, _, part = value[1:].partition("[")
    return ids[name][:8] if part else ids[name]


@pytest.mark.parametrize(("body", "why"), BEYOND)
def test_what_a_stack_may_not_run(stacks: Stacks, body: Raw, why: str) -> None:
    body = with_ids(body, stacks.ids)
    assert why in stacks.refusal("service", body)
    changed = Asked(of("service", Deploy.CHANGE), ref="shop_web", body=decode.read(body, "swarm.ServiceSpec"))
    assert why in stacks.decided(DEPLOY, changed).reason


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("network", {"Name": "shop_new", "Labels": OWN, "Driver": "overlay", "CheckDuplicate": True}, ""),
        (
            "network",
            {
                "Name": "shop_new",
                "Labels": OWN,
                "Scope": "swarm",
                "ConfigFrom": {"Network": ""},
                "EnableIPv4": True,
            },
            "",
        ),
        ("network", {"Name": "shop_new", "Driver": "overlay"}, "is missing"),
        ("network", {"Name": "other_new", "Labels": OWN}, "the name"),
        ("network", {"Name": "shop_new", "Labels": {STACK: "other"}}, "of another stack"),
        ("network", {"Name": "shop_new", "Labels": OWN, "Driver": "bridge"}, "the driver bridge"),
        ("network", {"Name": "shop_new", "Labels": OWN, "Driver": "macvlan"}, "the driver macvlan"),
        ("network", {"Name": "shop_new", "Labels": OWN, "Scope": "local"}, "the scope local"),
        ("network", {"Name": "shop_new", "Labels": OWN, "Ingress": True}, "Ingress"),
        ("network", {"Name": "shop_new", "Labels": OWN, "ConfigOnly": True}, "ConfigOnly"),
        ("network", {"Name": "shop_new", "Labels": OWN, "ConfigFrom": {"Network": "host"}}, "ConfigFrom"),
        (
            "network",
            {"Name": "shop_new", "Labels": OWN, "Driver": "overlay", "IPAM": {"Driver": "x"}},
            "from x",
        ),
        ("network", {"Name": "shop_new", "Labels": OWN, "Driver": "", "Scope": ""}, "the driver bridge"),
        ("secret", {"Name": "shop_new", "Labels": OWN, "Data": "YQ=="}, ""),
        ("secret", {"Name": "shop_new", "Data": "YQ=="}, "is missing"),
        ("secret", {"Name": "new", "Labels": OWN, "Data": "YQ=="}, "the name"),
        ("secret", {"Name": "shop_new", "Labels": OWN, "Driver": {"Name": "vault"}}, "Driver"),
        ("config", {"Name": "shop_new", "Labels": OWN, "Data": "YQ==", "Templating": {"Name": "golang"}}, ""),
        ("config", {"Name": "shop_new", "Labels": {**OWN, "skerry.x": ""}, "Data": "YQ=="}, "skerry.x"),
    ],
)
def test_what_a_stack_may_make(stacks: Stacks, kind: Any, body: Raw, why: str) -> None:
    reason = stacks.refusal(kind, body)
    assert why in reason
    assert bool(reason) is bool(why)


def test_an_image_by_digest_has_to_be_known_by_a_name_that_may_run(stacks: Stacks) -> None:
    body = container(Image=f"registry.local/team/app@{DIGEST}")
    for names, why in [
        (("internal/app:1",), "by other names only: internal/app:1"),
        ((), "by other names only: none"),
        (("internal/app:1", f"registry.local/team/app@{DIGEST}"), ""),
    ]:
        reason = stacks.refusal("service", body, EngineKnows(images={DIGEST: names}))
        assert why in reason
        assert bool(reason) is bool(why)


def test_a_volume_that_another_stack_has_made_stays_its_own(stacks: Stacks) -> None:
    body = container(Mounts=[MOUNT])
    for owner, fine in [("", True), ("shop", True), ("shop_old", False)]:
        reason = stacks.refusal("service", body, EngineKnows(volumes={"shop_data": owner}))
        assert bool(reason) is not fine


def test_a_rollback_goes_to_nothing_that_could_not_be_deployed() -> None:
    stacks = Stacks()
    world = stacks.world
    service = world.view.services[stacks.ids["shop_web"]]
    bound = container(Mounts=[{"Type": "bind", "Source": "/", "Target": "/h"}])
    world.update(world.update(service, bound), named("shop_web", labels={"a": "b"}))
    body = decode.read(named("shop_web"), "swarm.ServiceSpec")
    bad, good = (world.view.revision(service.id, number) for number in (2, 3))
    for asked in (
        Asked(of("service", Deploy.CHANGE), ref="shop_web", body=body),
        Asked(of("revision", Deploy.RETURN), ref="shop_web"),
    ):
        reason = stacks.decided(DEPLOY, replace(asked, revision=bad)).reason
        assert "of its revision 2, a mount of the type bind" in reason
        assert stacks.decided(DEPLOY, replace(asked, revision=good)) == Verdict(key=service.id)
    asked = Asked(of("revision", Deploy.RETURN), ref="shop_web")
    assert stacks.decided(DEPLOY, asked).reason == "there is no such revision"
    assert (
        "is not of the stack" in stacks.decided(DEPLOY, replace(asked, ref="other_web", revision=good)).reason
    )


def test_an_empty_body_is_one() -> None:
    stacks = Stacks()
    assert stacks.decided(DEPLOY, Asked(of("service", Deploy.CHANGE), ref="shop_web", body={})).reason


# ---- images


@pytest.mark.parametrize(
    ("reference", "pattern", "passes"),
    [
        ("nginx", "nginx", True),
        ("docker.io/library/nginx:1", "nginx", True),
        ("nginx:1.27", "nginx:1.*", True),
        ("nginx:2.0", "nginx:1.*", False),
        ("nginx", "nginx:1.*", False),
        ("nginx", "nginx:latest", True),
        ("team/app", "team/*", True),
        ("docker.io/team/app", "team/*", True),
        ("ghcr.io/team/app", "team/*", False),
        ("localhost:5000/app:1", "localhost:5000/*", True),
        ("localhost:5001/app:1", "localhost:5000/*", False),
        ("ghcr.io/team/app@sha256:" + "0" * 64, "ghcr.io/team/app", True),
        ("ghcr.io/team/app", "ghcr.io/team/ap.", False),
        ("anything/at:all", "*", True),
        ("not a reference", "*", False),
        ("0" * 64, "*", False),
    ],
)
def test_patterns_of_images(reference: str, pattern: str, passes: bool) -> None:
    assert allowed(reference, [pattern]) is passes


# ---- what is shown


def test_a_list_shows_what_is_the_stacks(stacks: Stacks) -> None:
    view = stacks.world.view
    services = [{"ID": service.id, "name": service.name} for service in view.services.values()]
    assert [row["name"] for row in shown(DEPLOY, "service", services, view)] == ["shop_web"]
    networks = [{"Id": key, "Containers": {"a": {}}} for key in view.networks] + [{"Id": "engine's own"}]
    seen = {row["Id"]: row for row in shown(DEPLOY, "network", networks, view)}
    assert set(seen) == {stacks.ids["shop_net"], stacks.ids["public"]}
    assert ["Containers" in seen[stacks.ids[name]] for name in ("shop_net", "public")] == [True, False]
    assert len(shown(READ, "service", services, view)) == 3


@pytest.mark.parametrize(
    ("event", "is_shown"),
    [
        ({"Type": "service", "Actor": {"Attributes": {"name": "shop_web"}}}, True),
        ({"Type": "secret", "Actor": {"Attributes": {"name": "shop_gone"}}}, True),
        ({"Type": "service", "Actor": {"Attributes": {"name": "shop_eu_web"}}}, False),
        ({"Type": "service", "Actor": {"Attributes": {"name": "other_web"}}}, False),
        ({"Type": "image", "Actor": {"Attributes": {"name": "shop_web"}}}, False),
        ({"Type": "container", "Actor": {"Attributes": {"name": "shop_web"}}}, False),
        (
            {
                "Type": "container",
                "Actor": {"Attributes": {STACK: "shop", "com.docker.swarm.service.name": "shop_web"}},
            },
            True,
        ),
        ({"Type": "daemon"}, False),
    ],
)
def test_events(stacks: Stacks, event: Raw, is_shown: bool) -> None:
    assert shows_event(DEPLOY, event, stacks.world.view) is is_shown
    assert shows_event(READ, event, stacks.world.view)


@pytest.mark.parametrize(
    ("variable", "seen"),
    [
        ("DB_PASSWORD=hunter2", "DB_PASSWORD=********"),
        ("AWS_SECRET_ACCESS_KEY=x", "AWS_SECRET_ACCESS_KEY=********"),
        ("token=x", "token=********"),
        ("URL=postgres://u:p@db/x", "URL=********"),
        ("CERT=-----BEGIN RSA PRIVATE KEY-----", "CERT=********"),
        ("BEARER=eyJhbGciOi.x.y", "BEARER=********"),
        ("PATH=/usr/bin", "PATH=/usr/bin"),
        ("URL=https://example.org/", "URL=https://example.org/"),
        ("PASSWORD", "PASSWORD"),
        ("PASSWORD=", "PASSWORD="),
    ],
)
def test_variables_that_look_secret(variable: str, seen: str) -> None:
    assert masked({"A": [{"Env": [variable]}]}) == {"A": [{"Env": [seen]}]}


def test_nobody_elses_service_is_counted_in_the_status(stacks: Stacks) -> None:
    status: Raw = {
        "services": [{"name": "shop_web"}, {"name": "other_web"}],
        "problems": [
            "service shop_web: 0 of 1 tasks run",
            "service other_web: 0 of 1 tasks run",
            "disk: full",
        ],
        "warnings": ["disk: full"],
        "conditions": ["disk: full"],
        "version": "1",
        "engine": {"socket": "/run/docker.sock"},
        "stacks": [{"name": "shop"}, {"name": "other"}],
        "now": ["shop_web: waits", "other_web: waits"],
        "attention": [
            {"of": "shop_web", "sentence": "the port 80/tcp is held by other_web"},
            {"of": "other_web", "sentence": "ill"},
            {"of": "/", "sentence": "the disk is nearly full"},
        ],
    }
    assert shown(DEPLOY, "status", status, stacks.world.view) == {
        "services": [{"name": "shop_web"}],
        "problems": ["service shop_web: 0 of 1 tasks run"],
        "warnings": [],
        "conditions": [],
        "version": "1",
        "stacks": [{"name": "shop"}],
        "now": ["shop_web: waits"],
        "attention": [{"of": "shop_web", "sentence": "the port 80/tcp is held by another"}],
    }


def test_a_service_is_no_other_by_a_label(stacks: Stacks) -> None:
    """An object of another name that bears the stack's label is not the stack's."""
    world = World()
    service: Service = world.service("other_web", Labels=OWN)
    assert decide(DEPLOY, Asked(of("service", Deploy.CHANGE), ref=service.id), world.view).reason
