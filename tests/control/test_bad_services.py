"""Specs that Docker refuses: its status and its text for each, and nothing changed.

The texts were read off a Docker 20.10 in swarm mode.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from skerry.control import services
from skerry.model.objects import Raw
from tests.control.swarm_of_one import World, create_service, invalid, published, spec, update_service


def go(found: str, field: str, kind: str) -> str:
    """The text of Go's JSON decoder."""
    return f"json: cannot unmarshal {found} into Go struct field {field} of type {kind}"


def secret(target: Any, key: str = "x", name: str = "y") -> Raw:
    return {"File": target, "SecretID": key, "SecretName": name}


def config(key: str = "x", name: str = "y", **more: Any) -> Raw:
    return {"ConfigID": key, "ConfigName": name, **more}


def port(published_port: int = 80, target: int = 80, **more: Any) -> Raw:
    return {"TargetPort": target, "PublishedPort": published_port, **more}


SHAPES: list[tuple[Any, str]] = [
    ([], "json: cannot unmarshal array into Go value of type swarm.ServiceSpec"),
    ("x", "json: cannot unmarshal string into Go value of type swarm.ServiceSpec"),
    (spec(container={"Env": "x"}), go("string", "ContainerSpec.TaskTemplate.ContainerSpec.Env", "[]string")),
    (spec(container={"Image": 5}), go("number", "ContainerSpec.TaskTemplate.ContainerSpec.Image", "string")),
    (
        spec(Mode={"Replicated": {"Replicas": -1}}),
        go("number -1", "ReplicatedService.Mode.Replicated.Replicas", "uint64"),
    ),
    (
        spec(Mode={"Replicated": {"Replicas": 1.5}}),
        go("number 1.5", "ReplicatedService.Mode.Replicated.Replicas", "uint64"),
    ),
    (
        spec(task={"RestartPolicy": {"Delay": "5s"}}),
        go("string", "RestartPolicy.TaskTemplate.RestartPolicy.Delay", "time.Duration"),
    ),
    (
        spec(EndpointSpec=published(port(-1))),
        go("number -1", "PortConfig.EndpointSpec.Ports.PublishedPort", "uint32"),
    ),
    (
        spec(EndpointSpec={"Ports": [{"PublishedPort": "99"}]}),
        go("string", "PortConfig.EndpointSpec.Ports.PublishedPort", "uint32"),
    ),
    (spec(Labels={"a": 5}), go("number", "ServiceSpec.Labels", "string")),
    (spec(UpdateConfig=True), go("bool", "ServiceSpec.UpdateConfig", "swarm.UpdateConfig")),
]

CONVERTED: list[tuple[Raw, str]] = [
    ({}, "mismatched Runtime and *Spec fields"),
    ({"Name": "bad name"}, "mismatched Runtime and *Spec fields"),
    (spec(task={"Runtime": "zz"}), "unsupported runtime"),
    (spec(task={"Runtime": "attachment"}), "unsupported runtime"),
    (spec(task={"Runtime": "plugin"}), "mismatched Runtime and *Spec fields"),
    (spec(Mode={"Replicated": {}, "Global": {}}), "must specify only one service mode"),
    (spec(UpdateConfig={"FailureAction": "x"}), "unrecognized update failure action x"),
    (spec(RollbackConfig={"FailureAction": "x"}), "unrecognized update failure action x"),
    (spec(UpdateConfig={"Order": "x"}), "unrecognized update order x"),
    (spec(task={"RestartPolicy": {"Condition": "x"}}), 'invalid RestartCondition: "x"'),
    (spec(EndpointSpec={"Mode": "VIP"}), 'invalid resolution mode: "VIP"'),
    (spec(container={"Mounts": [{"Type": "zz", "Target": "/a"}]}), 'invalid MountType: "zz"'),
    (
        spec(container={"Mounts": [{"Target": "/a", "BindOptions": {"Propagation": "zz"}}]}),
        'invalid MountPropagation: "zz"',
    ),
    (
        spec(container={"Configs": [{"ConfigID": "a"}]}),
        "invalid Config: either File or Runtime should be set",
    ),
    (
        spec(container={"Configs": [config(File={"Name": "z"}, Runtime={})]}),
        "invalid Config: cannot specify both File and Runtime",
    ),
    (
        spec(container={"Privileges": {"CredentialSpec": {}}}),
        'invalid CredentialSpec: must either provide "file", "registry", or "config" for credential spec',
    ),
]

INVALID: list[tuple[Raw, str]] = [
    (spec("bad name"), "name must be valid as a DNS name component"),
    (spec("a-"), "name must be valid as a DNS name component"),
    (spec("a" * 64), "name must be 63 characters or fewer"),
    (spec(container={"Image": ""}), "ContainerSpec: image reference must be provided"),
    (spec(container={"Image": "Base:BAD"}), 'ContainerSpec: "Base:BAD" is not a valid repository/tag'),
    (spec(container={"Image": 'a"b'}), 'ContainerSpec: "a\\"b" is not a valid repository/tag'),
    (
        spec(task={"Resources": {"Limits": {"MemoryBytes": 100}}}),
        "invalid memory value 100: Must be at least 4MiB",
    ),
    (
        spec(task={"Resources": {"Limits": {"NanoCPUs": -5}}}),
        "invalid cpu value -5e-09: Must be at least 0.001",
    ),
    (
        spec(task={"Resources": {"Reservations": {"NanoCPUs": 100}}}),
        "invalid cpu value 1e-07: Must be at least 0.001",
    ),
    (spec(task={"RestartPolicy": {"Delay": -5}}), "TaskSpec: restart-delay cannot be negative"),
    (spec(task={"RestartPolicy": {"Window": -5}}), "TaskSpec: restart-window cannot be negative"),
    (spec(UpdateConfig={"Delay": -5}), "TaskSpec: update-delay cannot be negative"),
    (spec(UpdateConfig={"Monitor": -5}), "TaskSpec: update-monitor cannot be negative"),
    (
        spec(UpdateConfig={"MaxFailureRatio": 1.5}),
        "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
    ),
    (
        spec(container={"Healthcheck": {"Interval": 5}}),
        "ContainerSpec: Interval in HealthConfig cannot be less than 1ms",
    ),
    (
        spec(container={"Healthcheck": {"Timeout": -5}}),
        "ContainerSpec: Timeout in HealthConfig cannot be less than 1ms",
    ),
    (
        spec(container={"Healthcheck": {"Retries": -1}}),
        "ContainerSpec: Retries in HealthConfig cannot be negative",
    ),
    (
        spec(container={"Mounts": [{"Target": "/a"}, {"Type": "volume", "Target": "/a"}]}),
        "ContainerSpec: duplicate mount point: /a",
    ),
    (spec(container={"Secrets": [{"File": {"Name": "z"}}]}), "malformed secret reference"),
    (spec(container={"Secrets": [secret(None)]}), "malformed secret reference, no target provided"),
    (
        spec(container={"Secrets": [secret({"Name": ""})]}),
        "malformed file secret reference, invalid target file name provided",
    ),
    (spec(container={"Configs": [{"File": {"Name": "z"}, "ConfigID": "a"}]}), "malformed config reference"),
    (
        spec(
            container={
                "Configs": [config(name="b", File={"Name": "z"}), config(name="d", File={"Name": "z"})]
            }
        ),
        "config references 'b' and 'd' have a conflicting target: 'z'",
    ),
    (
        spec(container={"Privileges": {"CredentialSpec": {"Config": "x"}}}),
        "CredentialSpec references config 'x', but that config isn't in config references with RuntimeTarget",
    ),
    (spec(container={"Secrets": [secret({"Name": "z"})]}), "secret not found: y"),
    (
        spec(container={"Secrets": [secret({"Name": "z"}), secret({"Name": "w"}, name="v")]}),
        "secrets not found: y, v",
    ),
    (spec(container={"Configs": [config(File={"Name": "z"})]}), "config not found: y"),
    (
        spec(Mode={"Replicated": {"Replicas": 2**63}}),
        "Number of replicas must be non-negative",
    ),
    (spec(Mode={"ReplicatedJob": {}}, UpdateConfig={}), "Jobs may not have an update config"),
    (
        spec(EndpointSpec=published(port(), mode="dnsrr")),
        "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
    ),
    (
        spec(EndpointSpec=published(port(target=80), port(target=81))),
        "EndpointSpec: duplicate published ports provided",
    ),
    (
        spec(task={"Networks": [{"Target": "ingress"}]}),
        'Service cannot be explicitly attached to the ingress network "ingress"',
    ),
    (
        spec(container={"Env": ["A={{.Nope}}"]}),
        'expanding env failed: expanding env "A={{.Nope}}": template: expansion:1:2: executing "expansion" '
        "at <.Nope>: can't evaluate field Nope in type *template.Context",
    ),
    (
        spec(container={"Hostname": "{{"}),
        "expanding hostname failed: template: expansion:1: unclosed action",
    ),
]

UNKNOWN: list[tuple[str, str]] = [
    ("node.role", "constraint expected one operator from ==, !="),
    ("node.role=manager", "constraint expected one operator from ==, !="),
    ("a==b", "key 'a' is invalid"),
    ("==b", "key '' is invalid"),
    ("-a==b", "key '-a' is invalid"),
    ("node.role!=x==y", "key 'node.role!=x' is invalid"),
    ("node.id==", "value '' is invalid"),
    ("node.id==a&b", "value 'a&b' is invalid"),
    ("node.role == manager == x", "value 'manager == x' is invalid"),
]


def refused(body: Any, status: int, text: str) -> None:
    """At create, and as well at update of another service; with no network, secret or port in between."""
    world = World()
    world.refuses(lambda store: create_service(store, body), status, text)
    there = world.service("other")
    if not (isinstance(body, dict) and "Mode" in body):
        world.refuses(lambda store: update_service(store, there.id, str(there.version), body), status, text)


@pytest.mark.parametrize(("body", "text"), SHAPES)
def test_a_wrong_type_is_refused_in_the_words_of_go(body: Any, text: str) -> None:
    refused(body, 400, text)


@pytest.mark.parametrize(("body", "text"), CONVERTED)
def test_what_the_converter_refuses_has_no_prefix(body: Raw, text: str) -> None:
    refused(body, 400, text)


@pytest.mark.parametrize(("body", "text"), INVALID)
def test_what_swarmkit_refuses_carries_its_code(body: Raw, text: str) -> None:
    refused(body, 400, invalid(text))


@pytest.mark.parametrize(("constraint", "text"), UNKNOWN)
def test_a_bad_constraint_is_an_unknown_error(constraint: str, text: str) -> None:
    body = spec(task={"Placement": {"Constraints": [constraint]}})
    refused(body, 500, f"rpc error: code = Unknown desc = {text}")


@pytest.mark.parametrize("constraint", ["node.role == manager", "node.labels.x!=a b", "Node.Hostname==vm"])
def test_good_constraints_pass(constraint: str) -> None:
    World().service(task={"Placement": {"Constraints": [constraint]}})


@pytest.mark.case("BAD")
@pytest.mark.parametrize("number", [0, 65536, 2**32 - 1])
def test_a_target_that_is_no_port_is_taken_as_a_swarm_takes_it(number: int) -> None:
    service = World().service(EndpointSpec=published(port(8080, target=number)))
    assert [(one.target, one.published) for one in service.endpoint.ports] == [(number, 8080)]
    assert service.endpoint.ports[0].fault == f"target port {number} is not between 1 and 65535"


@pytest.mark.case("BAD")
def test_a_published_number_that_is_no_port_is_taken_as_a_swarm_takes_it() -> None:
    service = World().service(EndpointSpec=published(port(70000)))
    assert service.endpoint.ports[0].fault == "published port 70000 is not between 1 and 65535"


@pytest.mark.case("BAD")
@pytest.mark.parametrize(
    "mode", [{"Replicated": {"Replicas": 10**12}}, {"ReplicatedJob": {"MaxConcurrent": 2**63 - 1}}]
)
def test_so_many_tasks_as_anybody_wants_may_be_asked_for(mode: Raw) -> None:
    assert mode.items() <= World().service(Mode=mode).spec.raw["Mode"].items() or "ReplicatedJob" in mode


@pytest.mark.case("BAD")
def test_retries_are_a_number_of_32_bits() -> None:
    refused(
        spec(container={"Healthcheck": {"Retries": 2**31}}),
        400,
        invalid("ContainerSpec: Retries in HealthConfig cannot be negative"),
    )
    kept = World().service(container={"Healthcheck": {"Retries": 2**32 + 3}})
    assert kept.spec.raw["TaskTemplate"]["ContainerSpec"]["Healthcheck"]["Retries"] == 3


@pytest.mark.case("BAD")
def test_null_in_a_list_is_a_zero() -> None:
    refused(
        spec(task={"Placement": {"Constraints": [None]}}),
        500,
        "rpc error: code = Unknown desc = constraint expected one operator from ==, !=",
    )
    container = {"Env": ["A=1", None], "Secrets": [None]}
    stored = World().service(container=container).spec.raw["TaskTemplate"]["ContainerSpec"]
    assert stored["Env"] == ["A=1", ""]
    assert not stored.get("Secrets")


def test_an_unknown_network_is_a_plain_error() -> None:
    refused(spec(task={"Networks": [{"Target": "nope"}]}), 500, "network nope not found")
    refused(spec(Networks=[{"Target": "nope"}]), 500, "network nope not found")


def test_networks_of_the_engine_are_refused() -> None:
    world = World()
    body = spec(task={"Networks": [{"Target": "mine"}]})
    world.refuses(
        lambda store: create_service(store, body, local=["mine"]),
        403,
        "The network mine cannot be used with services. Only networks scoped to the swarm can be used, such "
        "as those created with the overlay driver.",
    )
    body = spec(task={"Networks": [{"Target": "none"}]})
    world.refuses(
        lambda store: create_service(store, body, local=["none"]),
        404,
        "could not find the corresponding predefined swarm network: network none not found",
    )


def test_a_taken_name_conflicts_whatever_its_case() -> None:
    world = World()
    world.service("app")
    for name in ("app", "APP"):
        world.refuses(
            partial(create_service, body=spec(name)),
            409,
            "rpc error: code = AlreadyExists desc = name conflicts with an existing object: "
            f"service {name} already exists",
        )


@pytest.mark.parametrize(
    ("held", "asked", "manner"),
    [
        ("ingress", "ingress", "an ingress port"),
        ("ingress", "host", "an ingress port"),
        ("host", "ingress", "a host-published port"),
    ],
)
def test_a_port_that_another_service_has(held: str, asked: str, manner: str) -> None:
    world = World()
    first = world.service("a", EndpointSpec=published(port(PublishMode=held)))
    text = invalid(f"port '80' is already in use by service 'a' ({first.id}) as {manner}")
    body = spec("b", EndpointSpec=published(port(PublishMode=asked)))
    world.refuses(lambda store: create_service(store, body), 400, text)
    second = world.service("b")
    world.refuses(lambda store: update_service(store, "b", str(second.version), body), 400, text)


def test_a_chosen_port_is_in_use_as_well() -> None:
    world = World()
    first = world.service("a", EndpointSpec=published({"TargetPort": 80}))
    text = f"port '30000' is already in use by service 'a' ({first.id}) as an ingress port"
    body = spec("b", EndpointSpec=published(port(30000)))
    world.refuses(lambda store: create_service(store, body), 400, invalid(text))


def test_the_same_number_is_free_for_another_protocol_and_shared_in_host_mode() -> None:
    world = World()
    world.service("a", EndpointSpec=published(port(PublishMode="host")))
    world.service("b", EndpointSpec=published(port(PublishMode="host")))
    world.service("c", EndpointSpec=published(port(Protocol="udp")))


def test_without_a_swarm_everything_is_503() -> None:
    world = World(swarmed=False)
    text = (
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this '
        "node to swarm and try again."
    )
    world.refuses(lambda store: create_service(store, {}), 503, text)
    world.refuses(lambda store: update_service(store, "x", "1", {}), 503, text)
    world.refuses(lambda store: services.remove(store, "x"), 503, text)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (
            {"skerry.drain.timeout": "soon"},
            "label skerry.drain.timeout: invalid duration 'soon': something like 30s, 1m30s or 500ms is "
            "meant",
        ),
        ({"skerry.drain.idle": "x"}, 'label skerry.drain.idle: "x" is none of auto, close, leave and wait'),
    ],
)
def test_labels_that_skerry_acts_on_are_read_at_once(labels: dict[str, str], text: str) -> None:
    refused(spec(Labels=labels), 400, invalid(text))
