"""Addresses on overlay networks, on a real engine: all of a subnet is given, each address to one holder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from harness.net import run
from harness.world import World, wait_until
from skerry.network.machine import network_address
from tests.wire.swarm import ask

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@contextmanager
def network(world: World, *options: str) -> Iterator[str]:
    """An attachable overlay network; whatever is on it goes at the end."""
    world.docker("network", "create", "-d", "overlay", "--attachable", *options, "n")
    try:
        yield "n"
    finally:
        for kind, listed in (("service", ("service", "ls", "-q")), ("container", ("ps", "-aq"))):
            for key in world.docker(*listed).split():
                world.docker(kind, "rm", *(["-f"] if kind == "container" else []), key, check=False)
        soon(lambda: _gone(world), 60)


def soon(condition: Callable[[], object], timeout: float) -> None:
    wait_until(condition, "what was asked for", timeout)


def _gone(world: World) -> bool:
    world.docker("network", "rm", "n", check=False)
    return "n" not in world.docker("network", "ls", "--format", "{{.Name}}").split()


def serve(world: World, name: str, replicas: int, *options: str) -> None:
    words = ["--network", "n", "--replicas", str(replicas), "--stop-grace-period", "0s", *options]
    world.docker("service", "create", "--detach", "--name", name, *words, "box:1")


def tasks(socket: Path, service: str) -> list[Any]:
    found: list[Any] = ask(socket, "GET", f"/tasks?filters={quote(json.dumps({'service': [service]}))}")
    return found


def running(world: World, service: str) -> list[Any]:
    return [one for one in tasks(world.socket, service) if one["Status"]["State"] == "running"]


def addresses(world: World, service: str) -> list[str]:
    """Of the tasks of a service that run, as their containers have them."""
    found = []
    for one in running(world, service):
        container = one["Status"]["ContainerStatus"]["ContainerID"]
        seen = json.loads(world.docker("inspect", container))[0]
        address = seen["NetworkSettings"]["Networks"]["n"]["IPAddress"]
        (place,) = one["NetworksAttachments"]
        assert place["Addresses"][0].partition("/")[0] == address
        found.append(address)
    return found


def vip(world: World, service: str) -> str:
    (found,) = json.loads(world.docker("service", "inspect", service))[0]["Endpoint"]["VirtualIPs"]
    return str(found["Addr"]).partition("/")[0]


def start(world: World, *words: str) -> tuple[str, str]:
    """`docker run --detach` on the network: the container's address, if it runs, and what was said."""
    told = world.docker("run", "--detach", "--network", "n", *words, "box:1", check=False)
    container = told.split()[0]
    if container not in world.docker("ps", "-q", "--no-trunc").split():
        return "", told
    return place(world, container), told


@pytest.mark.case("N11")
def test_a_small_network_is_filled_and_what_waits_goes_on_when_there_is_room(world: World) -> None:
    with network(world, "--subnet", "10.51.0.0/28"):
        room = 12 if network_address() else 11  # beside the virtual IP
        serve(world, "w", room + 2)
        soon(lambda: len(running(world, "w")) == room, 120)
        held = {*addresses(world, "w"), vip(world, "w")}
        assert len(held) == room + 1
        waiting = [one for one in tasks(world.socket, "w") if one["Status"]["State"] == "pending"]
        words = "network n (10.51.0.0/28) has no free address left"
        assert [one["Status"]["Err"] for one in waiting] == [words] * 2
        assert world.docker("service", "ps", "w", "--no-trunc").count(words) == 2
        world.docker("service", "scale", "--detach", f"w={room}")
        soon(lambda: len(tasks(world.socket, "w")) == room, 60)
        world.docker("service", "update", "--detach", "--force", "--update-parallelism", "4", "w")
        soon(lambda: updated(world, "w"), 200)
        assert len({*addresses(world, "w"), vip(world, "w")}) == room + 1
        answer = world.docker("exec", world.docker("ps", "-q").split()[0], "/bin/busybox", "nslookup", "w")
        assert vip(world, "w") in answer


def updated(world: World, service: str) -> bool:
    state = ask(world.socket, "GET", f"/services/{service}").get("UpdateStatus", {}).get("State")
    assert state in (None, "updating", "completed")
    return bool(state == "completed")


@pytest.mark.case("N14")
def test_tasks_and_containers_come_from_the_range(world: World) -> None:
    with network(world, "--subnet", "10.81.0.0/24", "--ip-range", "10.81.0.128/25"):
        serve(world, "r", 3)
        soon(lambda: len(running(world, "r")) == 3, 60)
        address, _ = start(world)
        for one in [*addresses(world, "r"), address]:
            assert IPv4Address(one) in IPv4Network("10.81.0.128/25")
        assert vip(world, "r") == "10.81.0.126", "the gate's leg is 10.81.0.127"
        (config,) = json.loads(world.docker("network", "inspect", "n"))[0]["IPAM"]["Config"]
        assert config == {"Subnet": "10.81.0.0/24", "IPRange": "10.81.0.128/25", "Gateway": "10.81.0.128"}
        answer = world.docker(
            "exec", world.docker("ps", "-q").split()[0], "/bin/busybox", "nslookup", "r", check=False
        )
        assert vip(world, "r") in answer


@pytest.mark.case("N14")
@pytest.mark.parametrize(
    "ipam",
    [
        {"Config": [{"Subnet": "10.41.0.0/24", "IPRange": "10.41.0.9"}]},
        {"Config": [{"Subnet": "10.41.1.0/24", "IPRange": "10.42.0.0/25"}]},
        {"Config": [{"Subnet": "10.41.2.0/24", "IPRange": "10.42.2.9/25"}]},
        {"Config": [{"Subnet": "10.41.5.0/24", "Gateway": "10.41.5.0/24"}]},
        {"Config": [{"IPRange": "10.41.6.0/24"}]},
        {"Config": [{"Subnet": "10.41.7.0/24", "Gateway": "zz"}]},
        {"Config": [{"Subnet": "10.41.8.0/24", "Gateway": "10.9.0.1"}]},
        {"Config": [{}]},
        {"Config": [{"Subnet": "10.41.9.0/33"}]},
        {"Config": [{"Subnet": "zz"}]},
        {"Driver": "foo"},
        {"Driver": "null"},
    ],
)
def test_what_is_impossible_is_refused_as_by_swarm(world: World, genuine_swarm: Path, ipam: Any) -> None:
    body = json.dumps({"Name": "bad", "Driver": "overlay", "IPAM": ipam})
    before = world.docker("network", "ls", "-q")
    ours, theirs = (create(socket, body) for socket in (world.socket, genuine_swarm))
    assert ours == theirs
    assert world.docker("network", "ls", "-q") == before


def create(socket: Path, body: str) -> str:
    words = ["curl", "-s", "--unix-socket", str(socket), "-H", "Content-Type: application/json"]
    return run(*words, "-w", " %{http_code}", "-d", body, "http://d/networks/create")


@pytest.mark.case("N18")
def test_an_address_that_somebody_has_is_refused(world: World) -> None:
    with network(world, "--subnet", "10.61.0.0/24"):
        serve(world, "s", 1)
        soon(lambda: len(running(world, "s")) == 1, 60)
        leg = "10.61.0.254"
        address, _ = start(world, "--ip", "10.61.0.77")
        assert address == "10.61.0.77"
        taken = [vip(world, "s"), leg, *addresses(world, "s"), "10.61.0.1", "10.61.0.77", "10.61.0.255"]
        for one in taken:
            address, told = start(world, "--ip", one)
            assert address == "", one
            assert "Address already in use" in told, one
        assert start(world, "--ip", "10.62.0.5")[0] == ""
        assert start(world, "--ip", "zz")[0] == ""
        assert world.docker("service", "ps", "s", "--format", "{{.CurrentState}}").startswith("Running")


@pytest.mark.case("N18")
def test_a_container_that_is_connected_gets_an_address_of_its_own(world: World) -> None:
    with network(world, "--subnet", "10.61.0.0/24"):
        serve(world, "s", 2)
        soon(lambda: len(running(world, "s")) == 2, 60)
        world.docker("run", "--detach", "--name", "plain", "box:1")
        for one in (vip(world, "s"), "10.61.0.254", addresses(world, "s")[0]):
            told = world.docker("network", "connect", "--ip", one, "n", "plain", check=False)
            assert "Address already in use" in told
        world.docker("network", "connect", "--ip", "10.61.0.88", "n", "plain")
        assert place(world, "plain") == "10.61.0.88"
        world.docker("network", "disconnect", "n", "plain")
        world.docker("network", "connect", "n", "plain")
        world.docker("run", "--detach", "--name", "other", "--network", "n", "box:1")
        everybody = [*addresses(world, "s"), vip(world, "s"), place(world, "plain"), place(world, "other")]
        assert len(set(everybody)) == len(everybody)


def place(world: World, container: str) -> str:
    seen = json.loads(world.docker("inspect", container))[0]
    return str(seen["NetworkSettings"]["Networks"]["n"]["IPAddress"])


@pytest.mark.case("N18")
def test_stopped_containers_keep_nobody_from_an_address(world: World) -> None:
    """Not even from their own, which they get back as long as nobody else needs it."""
    with network(world, "--subnet", "10.51.0.0/29"):
        for name in ("aa", "bb", "cc", "dd"):
            world.docker("run", "--detach", "--name", name, "--network", "n", "--stop-timeout", "0", "box:1")
        start(world, "--name", "last")  # on a kernel that lets the leg have the subnet's first address
        assert "has no free address left" in start(world)[1]
        before = {name: place(world, name) for name in ("aa", "bb", "cc", "dd")}
        world.docker("stop", "aa")
        world.docker("start", "aa")
        assert place(world, "aa") == before["aa"]
        world.docker("stop", "aa")
        soon(lambda: start(world, "--name", "ee")[0] or not world.docker("rm", "-f", "ee", check=False), 60)
        assert place(world, "ee") == before["aa"]
        told = world.docker("start", "aa", check=False)
        assert "has no free address left" in told
        world.docker("rm", "-f", "bb")
        soon(lambda: "Error" not in world.docker("start", "aa", check=False), 60)
        assert place(world, "aa") == before["bb"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.case("N11")
def test_two_hundred_and_forty_tasks_and_vips_on_one_network(world: World) -> None:
    with network(world, "--subnet", "10.71.0.0/24"):
        for number in range(4):
            serve(world, f"s{number}", 59)
        names = [f"s{number}" for number in range(4)]
        soon(lambda: all(len(running(world, name)) == 59 for name in names), 1000)
        held = [vip(world, name) for name in names]
        held += [address for name in names for address in addresses(world, name)]
        assert len(held) == len(set(held)) == 240
