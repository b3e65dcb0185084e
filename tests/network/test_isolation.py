"""Who reaches whom between networks: nothing leaves an internal one, nothing crosses from one to another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.net import INSIDE, OUTSIDE
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.case("B17"), pytest.mark.timeout(240)]

SERVER = ("/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/bin")
HOST_PORT = 7070
PUBLISHED = {"open": 8081, "other": 8082, "vault": 8083}
GATES_HOLD = 9
METADATA = "169.254.169.254"
SPY = "spy"


@pytest.fixture(scope="module")
def city() -> Iterator[World]:
    """Networks, one of them internal, each with services and a container; a port of the machine itself."""
    with World(images=["box"]) as world:
        world.docker("swarm", "init", "--advertise-addr", INSIDE, "--listen-addr", "127.0.0.1:2377")
        for network in ("open", "other", "--internal vault"):
            world.docker("network", "create", "-d", "overlay", "--attachable", *network.split())
        for network, port in PUBLISHED.items():
            words = ("service", "create", "--detach", "--name", f"on-{network}", "--network", network)
            world.docker(*words, "--publish", f"published={port},target=8080", "box:1", *SERVER)
            empty = ("service", "create", "--detach", "--name", f"empty-{network}", "--network", network)
            world.docker(*empty, "--replicas", "0", "box:1", *SERVER)
            world.docker("run", "-d", "--name", f"{SPY}-{network}", "--network", network, "box:1")
        for port in PUBLISHED.values():
            wait_until(lambda port=port: fetched(world, f"{INSIDE}:{port}"), f"{port} answers", 60)  # type: ignore[misc]
        world.run("ip", "addr", "add", f"{METADATA}/32", "dev", "lo")
        with listening(world):
            yield world


@contextmanager
def listening(world: World) -> Iterator[None]:
    """A program of the machine that listens on all its addresses, of both families."""
    words = [sys.executable, "-m", "http.server", "--bind", "::", str(HOST_PORT)]
    process = subprocess.Popen(
        world.net.within(words), cwd=world.root / "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: fetched(world, f"{INSIDE}:{HOST_PORT}"), "the machine's program listens", 60)
        yield
    finally:
        process.kill()
        process.wait()


def fetched(world: World, place: str, *, outside: bool = False) -> bool:
    """Whether anything at all is said there, to a program of the machine's (or of the outside host's)."""
    line = (
        "curl",
        "-s",
        "-g",
        "-o",
        "/dev/null",
        "--max-time",
        "2",
        "-w",
        "%{http_code}",
        f"http://{place}/",
    )
    return world.run(*line, outside=outside, check=False) != "000"


def reached(world: World, network: str, place: str, *more: str, within_s: int = 1) -> bool:
    """Whether a container of that network gets a connection there, held or served."""
    line = ("curl", "-s", "-g", "-o", "/dev/null", "--max-time", str(within_s), *more)
    connected = world.as_container(
        f"{SPY}-{network}", *line, "-w", "%{time_connect}", f"http://{place}/", check=False
    )
    return float(connected) > 0


def subnet(world: World, network: str) -> str:
    """The first three numbers of its addresses."""
    config = world.inspect("network", network)["IPAM"]["Config"][0]
    return str(config["Gateway"]).rpartition(".")[0]


def vip(world: World, service: str, network: str) -> str:
    """The service's address on a network."""
    numbers = subnet(world, network)
    vips = [str(one["Addr"]) for one in world.inspect("service", service)["Endpoint"]["VirtualIPs"]]
    return next(address.partition("/")[0] for address in vips if address.startswith(f"{numbers}."))


def task(world: World, network: str) -> str:
    """The address of the service's task on the network."""
    container = world.docker("ps", "-q", "--filter", f"name=on-{network}.")
    networks = world.inspect("container", container)["NetworkSettings"]["Networks"]
    return str(networks[network]["IPAddress"])


def leg(world: World, network: str) -> str:
    """The gate's address on the network."""
    return f"{subnet(world, network)}.254"


@pytest.mark.parametrize("network", ["open", "vault"])
def test_a_network_serves_its_own(city: World, network: str) -> None:
    assert reached(city, network, f"{vip(city, f'on-{network}', network)}:8080", within_s=5)
    assert reached(city, network, f"{task(city, network)}:8080", within_s=5)
    assert reached(city, network, f"{vip(city, f'empty-{network}', network)}:8080", within_s=2), "it is held"
    looked_up = city.docker(
        *("exec", f"{SPY}-{network}", "/bin/busybox", "nslookup", f"on-{network}"), check=False
    )
    assert vip(city, f"on-{network}", network) in looked_up


MACHINE = [
    f"{address}:{port}"
    for address in (INSIDE, "gateway", "gateway of open", METADATA)
    for port in (HOST_PORT, *PUBLISHED.values())
]
BEYOND = [f"{OUTSIDE}:{HOST_PORT}"]
OTHERS = [
    *("vip of open:8080", "empty vip of open:8080", "task of open:8080", "leg of open:53"),
    f"leg of open:{GATES_HOLD}",
]
SHORT = (f"gateway:{HOST_PORT}", f"{INSIDE}:{PUBLISHED['open']}", "vip of open:8080")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(place, marks=[] if place in SHORT else pytest.mark.slow)
        for place in (*MACHINE, *BEYOND, *OTHERS)
    ],
)
def test_nothing_is_reached_from_an_internal_network(city: World, place: str) -> None:
    host, _, port = place.rpartition(":")
    names = {
        "gateway": lambda: f"{subnet(city, 'vault')}.1",
        "gateway of open": lambda: f"{subnet(city, 'open')}.1",
        "vip of open": lambda: vip(city, "on-open", "open"),
        "empty vip of open": lambda: vip(city, "empty-open", "open"),
        "task of open": lambda: task(city, "open"),
        "leg of open": lambda: leg(city, "open"),
    }
    address = names[host]() if host in names else host
    # some engines leave a container its default route; it may have the right to make one, too
    city.as_container(f"{SPY}-vault", "ip", "route", "replace", "default", "via", names["gateway"]())
    assert not reached(city, "vault", f"{address}:{port}")


@pytest.mark.parametrize("place", [f"{INSIDE}:{HOST_PORT}", f"{INSIDE}:{PUBLISHED['open']}"])
def test_another_network_reaches_the_machine(city: World, place: str) -> None:
    """As with Swarm; it shows that what is silent above is there."""
    assert reached(city, "open", place, within_s=5)


def test_nor_is_the_machine_by_ipv6(city: World) -> None:
    """A container that turns it on has a link-local address, and knows what its bridge's would be."""
    for network in PUBLISHED:
        city.as_container(f"{SPY}-{network}", "sysctl", "-qw", "net.ipv6.conf.eth0.disable_ipv6=0")
    machine = {network: f"[{link_local(city, network)}%25eth0]:{HOST_PORT}" for network in PUBLISHED}
    wait_until(
        lambda: reached(city, "open", machine["open"], within_s=2), "this is the way, where there is one"
    )
    assert not reached(city, "vault", machine["vault"])


def link_local(world: World, network: str) -> str:
    """The address that IPv6 would give to a network's bridge."""
    listed = world.run("ip", "-4", "-brief", "addr").splitlines()
    bridge = next(line.split()[0] for line in listed if f"{subnet(world, network)}.1/" in line)
    mac = [int(part, 16) for part in world.run("ip", "-brief", "link", "show", bridge).split()[2].split(":")]
    halves = [mac[0] ^ 2, *mac[1:3], 0xFF, 0xFE, *mac[3:]]
    return "fe80::" + ":".join(
        f"{one << 8 | two:x}" for one, two in zip(halves[::2], halves[1::2], strict=True)
    )


@pytest.mark.parametrize("outside", [True, False])
def test_who_may_come_in_is_answered(city: World, outside: bool) -> None:
    assert fetched(city, f"{INSIDE}:{PUBLISHED['vault']}", outside=outside)
    assert reached(city, "open", f"{INSIDE}:{PUBLISHED['vault']}", within_s=5)
    assert fetched(city, f"{vip(city, 'on-vault', 'vault')}:8080"), "a program of the machine"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["vip", "empty vip", "task", "leg"])
@pytest.mark.parametrize("of", ["vault", "other"])
def test_nothing_crosses_from_one_network_to_another(city: World, what: str, of: str) -> None:
    places = {
        "vip": f"{vip(city, f'on-{of}', of)}:8080",
        "empty vip": f"{vip(city, f'empty-{of}', of)}:8080",
        "task": f"{task(city, of)}:8080",
        "leg": f"{leg(city, of)}:53",
    }
    assert not reached(city, "open", places[what])
