"""Networks of the engine's and of the swarm's beside each other: the same requests to a genuine Swarm."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from harness.net import run
from harness.world import World, wait_until
from tests.wire.plugin import make
from tests.wire.swarm import ask

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

Play = Callable[[Path], Any]
IDS = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-z]{25}|[0-9a-f]{12})\b")


def on_both(world: World, theirs: Path, play: Play) -> None:
    """Play at skerry and at a genuine Swarm: what is told, but for IDs and addresses, must be the same."""
    ours, genuine = plain(play(world.socket)), plain(play(theirs))
    assert ours == genuine


def plain(told: Any) -> Any:
    """Without what differs between any two engines."""
    text = IDS.sub("ID", json.dumps(told))
    return json.loads(re.sub(r"10\.0\.\d+\.\d+", "ADDRESS", text))


def docker(socket: Path, *words: str) -> str:
    return run("docker", "-H", f"unix://{socket}", *words, check=False, timeout=120).strip()


def attachments(socket: Path) -> Any:
    """Of the only task of the service `s`."""
    tasks = ask(socket, "GET", f"/tasks?filters={quote(json.dumps({'service': ['s']}))}")
    return next((task.get("NetworksAttachments") for task in tasks), None)


def gone(socket: Path, network: str) -> bool:
    """Whether it could be removed, or is."""
    docker(socket, "network", "rm", network)
    return "Id" not in ask(socket, "GET", f"/networks/{network}")


@pytest.mark.case("F8")
def test_what_a_container_is_made_with_gives_way_to_a_later_connection(
    world: World, genuine_swarm: Path
) -> None:
    def play(socket: Path) -> Any:
        docker(socket, "network", "create", "-d", "overlay", "--attachable", "ov")
        docker(socket, "create", "--network", "ov", "--network-alias", "first", "--name", "c1", "box:1")
        told = [docker(socket, "network", "connect", "--alias", alias, "ov", "c1") for alias in ("a", "bbb")]
        docker(socket, "start", "c1")
        ping = ["run", "--rm", "--network", "ov", "box:1", "ping", "-c1", "-W5"]
        told += [docker(socket, *ping, name).partition("\n")[0] for name in ("bbb", "c1")]
        aliases = docker(socket, "inspect", "c1", "--format", "{{json .NetworkSettings.Networks.ov.Aliases}}")
        docker(socket, "rm", "-f", "c1")
        docker(socket, "network", "rm", "ov")
        return told, aliases

    on_both(world, genuine_swarm, play)


@pytest.mark.slow
@pytest.mark.case("F9")
def test_a_second_connection_of_a_running_container_is_refused(world: World, genuine_swarm: Path) -> None:
    def play(socket: Path) -> Any:
        docker(socket, "network", "create", "-d", "overlay", "--attachable", "ov")
        docker(socket, "run", "-d", "--network", "ov", "--name", "c1", "box:1")
        refs = ["c1", docker(socket, "inspect", "c1", "--format", "{{.Id}}")]
        told = [ask(socket, "POST", "/networks/ov/connect", {"Container": ref}) for ref in refs]
        told += [ask(socket, "POST", "/networks/ov/connect", {"Container": ref}) for ref in ("nope", "")]
        docker(socket, "rm", "-f", "c1")
        docker(socket, "network", "rm", "ov")
        return told

    on_both(world, genuine_swarm, play)


@pytest.mark.case("F10")
def test_a_network_driver_that_is_for_a_swarm_is_refused(world: World) -> None:
    world.docker("plugin", "create", "netplugin", str(make(world.root / "p", "docker.networkdriver/1.0")))
    try:
        world.docker("plugin", "enable", "netplugin")
        said = world.docker("network", "create", "-d", "netplugin:latest", "n", check=False)
        words = "legacy plugin netplugin:latest of type NetworkDriver is not supported in swarm mode"
        assert said.endswith(f"rpc error: code = InvalidArgument desc = {words}")
    finally:
        world.docker("plugin", "rm", "-f", "netplugin", check=False)


@pytest.mark.slow
@pytest.mark.case("F12")
@pytest.mark.parametrize(
    "ipam",
    [
        {"Options": {"foo": "bar"}},
        {"Driver": "default", "Options": {"foo": "bar"}, "Config": [{"Subnet": "10.66.0.0/24"}]},
        {"Config": [{"Subnet": "10.66.0.0/24"}]},
        {"Options": {}},
        None,
    ],
)
def test_options_of_address_management_are_shown(world: World, genuine_swarm: Path, ipam: Any) -> None:
    def play(socket: Path) -> Any:
        ask(socket, "POST", "/networks/create", {"Name": "ov", "Driver": "overlay", "IPAM": ipam})
        template = {"ContainerSpec": {"Image": "box:1"}, "Networks": [{"Target": "ov"}]}
        ask(socket, "POST", "/services/create", {"Name": "s", "TaskTemplate": template})
        try:
            wait_until(lambda: attachments(socket), "the task has its address", 60)
            shown = attachments(socket)[0]["Network"]
            entry = next(one for one in ask(socket, "GET", "/networks") if one["Name"] == "ov")
            return entry["IPAM"], shown["IPAMOptions"], shown["Spec"]
        finally:
            docker(socket, "service", "rm", "s")
            wait_until(lambda: gone(socket, "ov"), "the network is gone", 60)

    on_both(world, genuine_swarm, play)


@pytest.mark.slow
@pytest.mark.case("F13")
def test_a_local_and_an_overlay_network_of_one_name(world: World, genuine_swarm: Path) -> None:
    def play(socket: Path) -> Any:
        local = ask(socket, "POST", "/networks/create", {"Name": "dup"})["Id"]
        overlay = {"Name": "dup", "Driver": "overlay", "Attachable": True}
        told = [ask(socket, "POST", "/networks/create", {**overlay, "CheckDuplicate": True})]
        ours = ask(socket, "POST", "/networks/create", overlay)["Id"]
        told.append(ask(socket, "POST", "/networks/create", {"Name": "dup", "Driver": "bridge"}))
        for method, path in (
            ("GET", "dup"), ("GET", "dup?scope=swarm"), ("GET", "dup?scope=local"), ("GET", local),
            ("GET", ours), ("DELETE", "dup"),
        ):  # fmt: skip
            seen = ask(socket, method, f"/networks/{path}")
            told.append(seen.get("message") or seen["Driver"])
        docker(socket, "run", "-d", "--network", "dup", "--name", "c1", "box:1")
        docker(socket, "run", "-d", "--name", "c2", "box:1")
        ask(socket, "POST", "/networks/dup/connect", {"Container": "c2"})
        for name in ("c1", "c2"):
            networks = ask(socket, "GET", f"/containers/{name}/json")["NetworkSettings"]["Networks"]
            told.append(networks["dup"]["NetworkID"] == local)
        docker(socket, "rm", "-f", "c1", "c2")
        told += [ask(socket, "DELETE", f"/networks/{key}") for key in (local, ours)]
        return told

    on_both(world, genuine_swarm, play)


def untils() -> list[str]:
    """In each form, long ago and far ahead of now; and what is none."""
    now = int(time.time())
    found = ["1h", "1.5h", "-1h", "-90m", "0", "1.5", str(now - 9999), f"{now + 9999}.5", "+1h"]
    for at in (now - 200_000, now + 200_000):
        date = datetime.fromtimestamp(at, UTC)
        for form in ("%Y-%m-%d", "%Y-%m-%dZ", "%Y-%m-%dT%H", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"):
            found.append(date.strftime(form))
        found += [date.isoformat(), date.strftime("%Y-%m-%dT%H:%M:%SZ"), date.isoformat() + ".25"]
    return [*found, "24x", "abc", "", "1d", "1.2.3", "1h ", "1e3"]


def test_a_name_is_meant_before_the_beginning_of_an_id(world: World, genuine_swarm: Path) -> None:
    def play(socket: Path) -> Any:
        other = ask(socket, "POST", "/networks/create", {"Name": "other", "Driver": "overlay"})["Id"]
        name = other[:5]
        key = ask(socket, "POST", "/networks/create", {"Name": name, "Driver": "overlay"})["Id"]
        inspected = ask(socket, "GET", f"/networks/{name}")["Id"]
        docker(socket, "network", "rm", name)
        left = ask(socket, "GET", f"/networks/{name}")["Name"]
        docker(socket, "network", "rm", "other")
        return inspected == key, left

    on_both(world, genuine_swarm, play)


@pytest.mark.slow
@pytest.mark.case("F15")
def test_pruning_until_an_instant_in_every_form(world: World, genuine_swarm: Path) -> None:
    texts = untils()

    def play(socket: Path) -> Any:
        told = []
        for text in texts:
            ask(
                socket,
                "POST",
                "/networks/create",
                {"Name": "po", "Driver": "overlay", "CheckDuplicate": True},
            )
            ask(socket, "POST", "/networks/create", {"Name": "pl", "CheckDuplicate": True})
            asked = quote(json.dumps({"until": [text]}))
            told.append((text, ask(socket, "POST", f"/networks/prune?filters={asked}")))
        docker(socket, "network", "rm", "po", "pl")
        return told

    on_both(world, genuine_swarm, play)


@pytest.mark.case("F15")
def test_pruning_with_labels_spares_the_bridges_behind_networks_in_use(
    world: World, genuine_swarm: Path
) -> None:
    def play(socket: Path) -> Any:
        docker(socket, "network", "create", "--label", "keep=1", "pl")
        docker(socket, "network", "create", "-d", "overlay", "--label", "keep=1", "po")
        told = []
        for asked in (
            {"label!": ["keep"]},
            {"label!": ["keep", "x"]},
            {"foo": ["x"]},
            {"until": ["1h", "2h"]},
        ):
            told.append(ask(socket, "POST", f"/networks/prune?filters={quote(json.dumps(asked))}"))
        told.append([one["Name"] for one in ask(socket, "GET", "/networks") if one["Scope"] == "swarm"])
        return told

    on_both(world, genuine_swarm, play)
