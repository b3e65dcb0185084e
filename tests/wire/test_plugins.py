"""Plugins of the engine's that are installed while skerry runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.net import run
from harness.world import World, wait_until
from tests.wire.plugin import make

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

TYPES = ("docker.logdriver/1.0", "docker.volumedriver/1.0")


@pytest.fixture
def plugin(world: World) -> Iterator[Path]:
    """The directory of a plugin that is not installed yet; it is removed afterwards."""
    yield make(world.root / "plugin", *TYPES)
    world.docker("service", "rm", "logs", "data", check=False)
    wait_until(lambda: not world.docker("ps", "-aq"), "no container uses it", 60)
    world.docker("plugin", "rm", "--force", "loki", check=False)


def plugins(world: World) -> list[dict[str, str]]:
    found: list[dict[str, str]] = world.inspect("node", "self")["Description"]["Engine"]["Plugins"]
    return found


def state(world: World, service: str) -> str:
    """Of all its tasks, as one text."""
    states = [task["Status"] for task in world.api().tasks(service)]
    return ", ".join(f"{status['State']} {status.get('Err', '')}".strip() for status in states)


def until(world: World, service: str, wanted: str) -> None:
    try:
        wait_until(lambda: state(world, service) == wanted, f"{service} is {wanted}", 60)
    except AssertionError as error:
        raise AssertionError(f"{error}; it is {state(world, service)}") from None


@pytest.mark.case("F1")
def test_a_plugin_that_is_installed_later_is_used(world: World, plugin: Path) -> None:
    before = plugins(world)
    create = ["service", "create", "--detach", "--stop-grace-period", "0s", "--name"]
    world.docker(*create, "logs", "--log-driver", "loki", "box:1")
    mount = "type=volume,source=data,target=/data,volume-driver=loki"
    world.docker(*create, "data", "--mount", mount, "box:1", "sh", "-c", "echo here >/data/it; sleep 1000")
    pending = "pending no suitable node (missing plugin on 1 node)"
    for service in ("logs", "data"):
        until(world, service, pending)
    world.docker("plugin", "create", "loki", str(plugin))
    assert state(world, "logs") == pending, "a disabled plugin is of no use"
    world.docker("plugin", "enable", "loki")
    for service in ("logs", "data"):
        until(world, service, "running")
    assert [entry for entry in plugins(world) if entry not in before] == [
        {"Type": "Log", "Name": "loki:latest"},
        {"Type": "Volume", "Name": "loki:latest"},
    ]
    written = "engine/plugins/*/rootfs/volume/it"
    wait_until(lambda: list(world.data_dir.glob(written)), "the plugin's volume is written to")


@pytest.mark.slow
@pytest.mark.case("F1")
def test_a_node_lists_its_plugins_as_swarms_does(world: World, plugin: Path, genuine_swarm: Path) -> None:
    theirs = ["docker", "-H", f"unix://{genuine_swarm}"]
    run(*theirs, "plugin", "create", "loki", str(plugin))
    try:
        run(*theirs, "plugin", "enable", "loki")
        world.docker("plugin", "create", "loki", str(plugin))
        world.docker("plugin", "enable", "loki")
        wait_until(lambda: {"Type": "Log", "Name": "loki:latest"} in plugins(world), "it is listed")

        def listed() -> Any:
            return json.loads(run(*theirs, "node", "inspect", "self"))[0]["Description"]["Engine"]["Plugins"]

        wait_until(lambda: {"Type": "Log", "Name": "loki:latest"} in listed(), "a Swarm lists it", 90)
        assert plugins(world) == listed()
    finally:
        run(*theirs, "plugin", "rm", "--force", "loki", check=False)
