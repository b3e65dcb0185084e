"""Configs and secrets: their content, names, labels, and who keeps them from being removed."""

from __future__ import annotations

import base64
from functools import partial
from types import ModuleType

import pytest

from skerry.control import configs, octets, secrets, services, versions
from skerry.control.decode import read
from skerry.store.store import Store
from tests.control.swarm_of_one import World, invalid, spec, update_service

KINDS = [(configs, "config", 1024000), (secrets, "secret", 512000)]
BAD_NAME = (
    "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be "
    "[a-zA-Z0-9]"
)

both = pytest.mark.parametrize(("module", "kind", "limit"), KINDS)


@both
def test_what_is_created_is_found(module: ModuleType, kind: str, limit: int) -> None:
    world = World()
    body = {"Name": "x", "Labels": {"a": "b"}, "Data": "YWI=", "Templating": {"Name": "golang"}}
    key = world.run(module.create(world.store, body))
    for ref in (key, "x", "X"):
        found = module.find(world.view, ref)
        assert (found.id, found.data) == (key, b"ab")
        assert found.spec == {"Name": "x", "Labels": {"a": "b"}, "Templating": {"Name": "golang"}}
    world.refuses(lambda store: module.remove(store, "zz"), 404, f"{kind} zz not found")


async def _create(module: ModuleType, body: object, store: Store) -> None:
    kind = module.__name__.rpartition(".")[2].removesuffix("s").capitalize()
    await module.create(store, read(body, f"swarm.{kind}Spec"))


@both
def test_bad_bodies(module: ModuleType, kind: str, limit: int) -> None:
    world = World()
    field = f"{kind.capitalize()}Spec.Data"
    size = f"{kind} data must be larger than 0 and less than {limit} bytes"
    cases = [
        ({"Data": "YQ=="}, invalid("name must be provided")),
        ({"Name": "-x", "Data": "YQ=="}, invalid(BAD_NAME)),
        ({"Name": "x" * 65, "Data": "YQ=="}, invalid(BAD_NAME)),
        ({"Name": "x"}, invalid(size)),
        ({"Name": "x", "Data": ""}, invalid(size)),
        ({"Name": "x", "Data": base64.b64encode(bytes(limit)).decode()}, invalid(size)),
        ({"Name": "x", "Data": "!"}, "illegal base64 data at input byte 0"),
        (
            {"Name": "x", "Data": 5},
            f"json: cannot unmarshal number into Go struct field {field} of type []uint8",
        ),
    ]
    for body, text in cases:
        world.refuses(partial(_create, module, body), 400, text)
    world.run(module.create(world.store, {"Name": "x", "Data": base64.b64encode(bytes(limit - 1)).decode()}))


@both
def test_a_taken_name(module: ModuleType, kind: str, limit: int) -> None:
    world = World()
    world.run(module.create(world.store, {"Name": "x", "Data": "YQ=="}))
    world.refuses(
        lambda store: module.create(store, {"Name": "X", "Data": "YQ=="}),
        409,
        f"rpc error: code = AlreadyExists desc = {kind} X already exists",
    )


@both
def test_only_labels_may_change(module: ModuleType, kind: str, limit: int) -> None:
    world = World()
    key = world.run(module.create(world.store, {"Name": "x", "Data": "YQ==", "Labels": {"a": "b"}}))
    version = str(world.view.version)
    text = invalid("only updates to Labels are allowed")
    for body in ({"Name": "y"}, {"Name": "x", "Data": "Yg=="}, {}):
        world.refuses(partial(versions.update, kind=kind, ref=key, version=version, body=body), 400, text)
    stale = "rpc error: code = Unknown desc = update out of sequence"
    world.refuses(lambda store: versions.update(store, kind, key, "1", {"Name": "x"}), 500, stale)
    for garbage in (None, "", "x", "-1"):
        world.refuses(
            partial(versions.update, kind=kind, ref=key, version=garbage, body={"Name": "x"}),
            400,
            f"invalid {kind} version",
        )
    other = {"Name": "x", "Data": "YQ==", "Labels": {"c": "d"}}
    world.run(versions.update(world.store, kind, "x", version, other))
    found = module.find(world.view, key)
    assert (found.spec["Labels"], found.data, found.version) == ({"c": "d"}, b"a", world.view.version)
    world.run(versions.update(world.store, kind, "x", str(found.version), {"Name": "x"}))
    assert module.find(world.view, key).spec["Labels"] == {}


@both
def test_what_a_current_spec_uses_stays(module: ModuleType, kind: str, limit: int) -> None:
    world = World()
    key = world.run(module.create(world.store, {"Name": "x", "Data": "YQ=="}))
    prefix = kind.capitalize()
    reference = {f"{prefix}ID": key, f"{prefix}Name": "x", "File": {"Name": "/x"}}
    using = {f"{prefix}s": [reference]}
    first, second = world.service("a", container=using), world.service("b", container=using)
    text = f"{kind} 'x' is in use by the following"
    both_names = ", ".join(one.name for one in sorted((first, second), key=lambda one: one.id))
    world.refuses(lambda store: module.remove(store, "x"), 400, invalid(f"{text} services: {both_names}"))
    world.update(first, spec("a"))
    world.refuses(lambda store: module.remove(store, "x"), 400, invalid(f"{text} service: b"))
    world.run(services.remove(world.store, second.id))
    world.run(module.remove(world.store, key))
    # Only the previous spec of a still names it: a rollback has it again.
    version = str(world.view.services[first.id].version)
    world.run(update_service(world.store, "a", version, spec("a"), rollback="previous"))
    assert module.find(world.view, "x").id == key


def test_secret_drivers_are_refused() -> None:
    world = World()
    world.refuses(
        lambda store: secrets.create(store, {"Name": "s", "Driver": {"Name": ""}, "Data": "YQ=="}),
        400,
        invalid("secret driver must have a name"),
    )
    world.refuses(
        lambda store: secrets.create(store, {"Name": "s", "Driver": {"Name": "nodrv"}}),
        500,
        'rpc error: code = Unknown desc = plugin "nodrv" not found',
    )


@both
def test_without_a_swarm_there_is_none(module: ModuleType, kind: str, limit: int) -> None:
    world = World(swarmed=False)
    text = (
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this '
        "node to swarm and try again."
    )
    world.refuses(lambda store: module.create(store, {}), 503, text)
    world.refuses(lambda store: module.remove(store, "x"), 503, text)


@pytest.mark.parametrize(
    ("text", "byte"),
    [
        ("abc", 0),
        ("Y", 0),
        ("YWI", 0),
        ("a!c=", 1),
        ("YWJj YWJj", 4),
        ("YQ==YQ==", 4),
        ("YWJjYQ", 4),
        ("=", 0),
        ("Y===", 1),
    ],
)
def test_the_place_of_a_fault_is_the_one_that_go_names(text: str, byte: int) -> None:
    with pytest.raises(ValueError, match=f"^illegal base64 data at input byte {byte}$"):
        octets.read(text)


def test_line_breaks_are_no_fault() -> None:
    assert octets.read("YW\r\nI=\n") == b"ab"
