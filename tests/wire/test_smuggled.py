"""What users write freely (labels, aliases, hostnames, targets) is text, whatever it looks like."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from harness.world import World, wait_until
from skerry.cli.client import DockerClient, Refused, at_socket

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

TEXTS = (
    '" ; flush ruleset ; "',
    "x } ; delete table ip nat ; {",
    "$(touch MARK)",
    "`touch MARK`",
    "'; touch MARK; '",
    "| touch MARK",
    "../../../../MARK",
    "MARK\x00",
    "a\nnameserver 192.0.2.1",
    "a b",
    "a..b",
    "*",
    "-rf",
    "x" * 400,
    "{{ range . }}",
)


def service(number: int, text: str, place: str) -> dict[str, Any]:
    """A service with a text in one place."""
    container: dict[str, Any] = {"Image": "box:1", "Labels": {}, "Env": [], "StopSignal": "SIGKILL"}
    network: dict[str, Any] = {"Target": "n", "Aliases": []}
    spec: dict[str, Any] = {
        "Name": f"s{number}",
        "Labels": {},
        "TaskTemplate": {"ContainerSpec": container, "Networks": [network]},
        "Mode": {"Replicated": {"Replicas": 1}},
    }
    match place:
        case "label":
            spec["Labels"]["what"] = container["Labels"]["what"] = text
        case "alias":
            network["Aliases"] = [text]
        case "hostname":
            container["Hostname"] = text
        case "environment":
            container["Env"] = [f"WHAT={text}"]
        case "hosts":
            container["Hosts"] = [f"192.0.2.7 {text}"]
        case "resolver":
            container["DNSConfig"] = {"Search": [text]}
        case "target":
            container["Configs"] = [{"ConfigName": "c", "ConfigID": "?", "File": file_named(text)}]
    return spec


def file_named(text: str) -> dict[str, Any]:
    return {"Name": text, "UID": "0", "GID": "0", "Mode": 0o444}


@pytest.fixture
def api(world: World) -> Iterator[DockerClient]:
    client = at_socket("skerry", str(world.socket))
    yield client
    client.close()


PLACES = ("label", "alias", "hostname", "environment", "hosts", "resolver", "target")


@pytest.mark.parametrize("place", PLACES)
def test_text_that_looks_like_syntax_is_text(world: World, api: DockerClient, place: str) -> None:
    with suppress(Refused):
        api.post("/networks/create", {"Name": "n", "Driver": "overlay", "Attachable": True})
        api.post("/configs/create", {"Name": "c", "Data": base64.b64encode(b"x").decode()})
        world.docker("service", "create", "--detach", "--name", "honest", "--network", "n", "box:1")
    wait_until(lambda: world.api().containers("honest"), "the honest service runs", 60)
    before = tables(world)
    created = [number for number, text in enumerate(TEXTS) if made(api, number, text, place)]
    wait_until(lambda: all(over(api, number) for number in created), "each task runs or says why not", 60)
    assert tables(world) == before
    outside = ("-path", str(world.data_dir / "engine"), "-prune", "-o", "-name", "MARK*", "-print")
    assert not world.run("find", str(world.root), *outside, check=False)
    for number in created:
        world.docker("service", "rm", f"s{number}")
    wait_until(lambda: world.attempt("status")[0] == 0, "nothing is wrong", 60)
    assert len(world.api().containers("honest")) == 1


def made(api: DockerClient, number: int, text: str, place: str) -> bool:
    """Whether a service with this text is taken; one that is refused is refused in words."""
    spec = service(number, text, place)
    for reference in spec["TaskTemplate"]["ContainerSpec"].get("Configs", ()):
        reference["ConfigID"] = api.get("/configs/c")["ID"]
    status = 0
    try:
        api.post("/services/create", spec)
    except Refused as refused:
        status = refused.status
    assert status in (0, 400), text
    return not status


def over(api: DockerClient, number: int) -> bool:
    tasks = api.get("/tasks", service=[f"s{number}"])
    return any(task["Status"]["State"] in ("running", "rejected", "failed") for task in tasks)


def tables(world: World) -> list[str]:
    """The tables of the machine, and of the gate's namespace."""
    gate = ["nsenter", f"--net=/run/netns/skerry-gate-{world.name}"]
    said = [world.run(*where, "nft", "list", "tables") for where in ([], gate)]
    return sorted(line for text in said for line in text.splitlines())
