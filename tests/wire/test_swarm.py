"""The beginning and the end of a swarm, on a real engine and beside a genuine Swarm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.genuine import genuine
from harness.world import World, wait_until
from tests.wire.swarm import ask

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

INIT = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "127.0.0.1"}
STUBBORN = ("sh", "-c", "trap '' TERM; while true; do sleep 0.1; done")
"""Ends by SIGKILL alone."""


@pytest.fixture(scope="module")
def machine() -> Iterator[World]:
    """A skerry of its own."""
    with World(images=["box"]) as world:
        yield world


@pytest.fixture
def alone(machine: World) -> Iterator[World]:
    """The same, in no swarm until a test makes one."""
    yield machine
    machine.docker("swarm", "leave", "--force", check=False, timeout=120)


@pytest.fixture(scope="module")
def theirs() -> Iterator[Path]:
    """A genuine engine of its own, in no swarm."""
    with genuine() as socket:
        yield socket


def init(world: World) -> None:
    world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")


def leave(world: World) -> None:
    world.docker("swarm", "leave", "--force", timeout=120)


def is_served(world: World, port: int) -> bool:
    words = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5"]
    return world.run("curl", *words, f"http://127.0.0.1:{port}/etc/passwd", check=False) == "200"


@pytest.mark.case("F4")
def test_leaving_kills_and_nothing_of_the_old_swarm_is_in_the_new_one(alone: World) -> None:
    web = ("sh", "-c", "trap '' TERM; httpd -f -p 80 -h / & while true; do sleep 0.1; done")
    words = ["service", "create", "-d", "--name", "web", "--stop-grace-period", "100s"]
    words += ["--publish", "published=8080,target=80,mode=host", "--network", "app", "box:1", *web]
    for again in (False, True):
        init(alone)
        assert ask(alone.socket, "GET", "/tasks") == []
        alone.docker("network", "create", "-d", "overlay", "--subnet", "10.77.0.0/24", "app")
        ingress = alone.inspect("network", "ingress")
        assert ingress["IPAM"]["Config"][0]["Subnet"] == "10.0.0.0/24"
        alone.docker(*words, timeout=120)
        wait_until(lambda: is_served(alone, 8080), "the port is served")
        if not again:
            begun = time.monotonic()
            leave(alone)
            assert time.monotonic() - begun < 60, "much less than the grace period"
            assert alone.docker("ps", "-aq") == ""
            assert alone.docker("network", "ls", "-q", "--filter", "type=custom") == ""


@pytest.mark.case("F5")
def test_leaving_takes_plain_containers_off_the_swarms_networks(alone: World) -> None:
    init(alone)
    alone.docker("network", "create", "-d", "overlay", "--attachable", "ov")
    alone.docker("run", "-d", "--network", "ov", "--name", "c1", "box:1")
    leave(alone)
    assert alone.inspect("container", "c1")["NetworkSettings"]["Networks"] == {}
    assert alone.inspect("container", "c1")["State"]["Running"]
    bridges = ask(alone.run_dir / "engine.sock", "GET", "/networks")
    assert not [network["Name"] for network in bridges if network["Name"].startswith("skerry.")]
    alone.docker("rm", "-f", "c1")


@pytest.mark.case("F4")
def test_a_swarm_that_was_left_in_the_middle_of_a_kill_goes_after_the_restart(alone: World) -> None:
    init(alone)
    alone.docker("network", "create", "-d", "overlay", "--attachable", "ov")
    alone.docker("run", "-d", "--network", "ov", "--name", "c1", "box:1")
    create = ["service", "create", "-d", "--name", "s", "--stop-grace-period", "1s", "--network", "ov"]
    alone.docker(*create, "box:1", *STUBBORN)
    wait_until(lambda: len(alone.docker("ps", "-q").split()) == 2, "both run")
    alone.run("sh", "-c", f"timeout 0.1 docker swarm leave --force; kill -9 {alone.pid}", check=False)
    wait_until(lambda: not Path(f"/proc/{alone.pid}").exists(), "skerryd ends")
    alone.up()
    alone.docker("swarm", "leave", "--force", check=False, timeout=120)  # where the kill came first
    wait_until(lambda: alone.docker("ps", "-q") == alone.docker("ps", "-q", "--filter", "name=c1"), "no task")
    wait_until(
        lambda: alone.inspect("container", "c1")["NetworkSettings"]["Networks"] == {}, "c1 is off the network"
    )
    alone.docker("rm", "-f", "c1")


@pytest.mark.case("F6")
def test_a_new_cluster_by_force_with_autolock_has_its_key(alone: World) -> None:
    init(alone)
    said = alone.docker("swarm", "init", "--force-new-cluster", "--autolock", "--advertise-addr", "127.0.0.1")
    key = next(word for word in said.split() if word.startswith("SWMKEY-1-"))
    assert key == alone.docker("swarm", "unlock-key", "-q")
    alone.kill_skerryd()
    alone.up()
    assert alone.docker("info", "--format", "{{.Swarm.LocalNodeState}}").endswith("locked")


POOLS: list[dict[str, Any]] = [
    {},
    {"DefaultAddrPool": None},
    {"DefaultAddrPool": [], "SubnetSize": 24},
    {"DefaultAddrPool": [], "SubnetSize": 30},
    {"DefaultAddrPool": ["10.20.0.0/16"]},
    {"DefaultAddrPool": ["10.20.0.0/16"], "SubnetSize": 26},
    {"SubnetSize": 26},
    {"Spec": {"Labels": {"a": "", "b": "c"}, "Orchestration": {"TaskHistoryRetentionLimit": 0}}},
]


@pytest.mark.slow
@pytest.mark.case("F7")
@pytest.mark.parametrize("fields", POOLS)
def test_a_swarm_shows_what_it_was_made_with(alone: World, theirs: Path, fields: dict[str, Any]) -> None:
    def shown(socket: Path) -> Any:
        node = ask(socket, "POST", "/swarm/init", {**INIT, **fields})
        found = ask(socket, "GET", "/swarm")
        ask(socket, "POST", "/swarm/leave?force=1")
        if isinstance(node, dict):
            return node
        names = ("DefaultAddrPool", "SubnetSize", "DataPathPort", "Spec")
        return {name: found[name] for name in names}

    assert shown(alone.socket) == shown(theirs)
