"""Networks with IPv6 on a real engine: by the docker CLI's terms, and by real packets of every kind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Any

import pytest

from harness.net import INSIDE, INSIDE6, OUTSIDE, OUTSIDE6
from harness.world import World, wait_until
from tests.wire.test_ways_in import containers, page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600), pytest.mark.case("N13")]

SUBNET = "fd00:60::/64"
SERVE = (
    "mkdir -p /tmp/w/cgi-bin; hostname >/tmp/w/index.html; "
    "(echo '#!/bin/sh'; echo 'echo; echo $REMOTE_ADDR') >/tmp/w/cgi-bin/who; chmod +x /tmp/w/cgi-bin/who; "
    "exec httpd -f -p 8080 -h /tmp/w"
)
UDP = """
import socket, sys
bound = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
bound.bind(("::", 5353))
print("ready", flush=True)
while True:
    _, peer = bound.recvfrom(100)
    bound.sendto(peer[0].encode(), peer)
"""
ASK_UDP = """
import socket, sys
made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
made.settimeout(1)
for _ in range(30):
    try:
        made.sendto(b"?", (sys.argv[1], int(sys.argv[2])))
        print(made.recv(100).decode())
        break
    except OSError:
        continue
"""
HOLD = """
import socket, time
holder = socket.socket(socket.AF_INET6)
holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
holder.bind(("::", 8091))
holder.listen()
print("ready", flush=True)
time.sleep(600)
"""
RESOLVE = """
import sys, dns.message, dns.query
server, name, kind = sys.argv[1:]
for answer in dns.query.udp(dns.message.make_query(name, kind), server, timeout=20).answer:
    for row in answer:
        print(row)
"""


@pytest.fixture(autouse=True)
def cleared(world: World) -> Iterator[None]:
    world.docker("network", "create", "-d", "overlay", "--attachable", "--ipv6", "--subnet", SUBNET, "six")
    yield
    world.docker("rm", "--force", "guest", check=False)
    names = world.docker("service", "ls", "--format", "{{.Name}}").split()
    if names:
        world.docker("service", "rm", *names)
        wait_until(lambda: not world.docker("ps", "--all", "--quiet").split(), "all tasks have gone", 60)
    networks = world.docker("network", "ls", "--filter", "driver=overlay", "--format", "{{.Name}}").split()
    for name in networks:
        if name != "ingress":
            world.docker("network", "rm", name)


def serve(world: World, *words: str, replicas: int = 1, name: str = "web") -> None:
    """A service on the network, whose tasks answer with their hostname, and who asks."""
    quiet = ("--quiet", "--detach", "--no-resolve-image", "--stop-grace-period", "0s")
    words = ("--replicas", str(replicas), *words, "box:1", "sh", "-c", SERVE)
    world.docker("service", "create", *quiet, "--name", name, "--network", "six", *words)
    runs(world, replicas, name)


def runs(world: World, replicas: int, name: str = "web") -> None:
    listing = ("service", "ls", "--format", "{{.Replicas}}", "--filter", f"name={name}")
    count = f"{replicas}/{replicas}"
    wait_until(lambda: world.docker(*listing).strip() == count, f"{name} runs {count}", 60)


def vip(world: World, name: str = "web") -> str:
    """The service's virtual IP on the network, over IPv6."""
    rows = world.inspect("service", name)["Endpoint"]["VirtualIPs"]
    return next(str(row["Addr"]).partition("/")[0] for row in rows if ":" in row["Addr"])


def own(world: World, container: str) -> str:
    """A container's address on the network, over IPv6."""
    endpoint = world.inspect("container", container)["NetworkSettings"]["Networks"]["six"]
    return str(endpoint["GlobalIPv6Address"])


def guest(world: World) -> str:
    """A plain container on the network."""
    world.docker("run", "--detach", "--name", "guest", "--network", "six", "box:1", "sleep", "100000")
    return "guest"


def from_inside(world: World, container: str, url: str) -> str:
    return world.as_container(container, "curl", "-gs", "-m", "20", url, check=False).strip()


@contextmanager
def datagrams(world: World, container: str) -> Iterator[None]:
    """A server of UDP in the container's network."""
    pid = str(world.inspect("container", container)["State"]["Pid"])
    words = ["nsenter", f"--target={pid}", "--net", sys.executable, "-c", UDP]
    server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        assert server.stdout.readline() == "ready\n"
        yield
    finally:
        server.kill()
        server.wait()
        assert server.stdout
        server.stdout.close()


def test_a_network_and_a_service_show_both_families(world: World) -> None:
    network: Any = world.inspect("network", "six")
    assert network["EnableIPv6"] is True
    four, six = network["IPAM"]["Config"]
    assert ":" not in four["Subnet"]
    assert six == {"Subnet": SUBNET, "Gateway": "fd00:60::1"}
    serve(world)
    assert IPv6Address(vip(world)) in IPv6Network(SUBNET)
    (container,) = containers(world, "web")
    assert own(world, container) == "fd00:60::2"
    (task,) = world.docker("service", "ps", "--quiet", "web").split()
    (shown_task,) = json.loads(world.docker("inspect", "--type", "task", task))
    places = shown_task["NetworksAttachments"]
    shown = [row["Addresses"] for row in places if row["Network"]["Spec"]["Name"] == "six"]
    assert "fd00:60::2/64" in shown[0]


def test_names_vips_and_tasks_from_inside(world: World) -> None:
    serve(world, replicas=2)
    asking = guest(world)
    tasks = containers(world, "web")
    addresses = {own(world, container) for container in tasks}
    four = world.inspect("network", "six")["IPAM"]["Config"][0]["Subnet"]
    for leg in (str(IPv4Network(four)[-2]), "fd00:60::ffff"):
        ask = (sys.executable, "-c", RESOLVE, leg)
        assert world.as_container(asking, *ask, "web", "AAAA").split() == [vip(world)]
        assert set(world.as_container(asking, *ask, "tasks.web", "AAAA").split()) == addresses
    assert {from_inside(world, asking, f"http://[{vip(world)}]:8080/") for _ in range(2)} == set(tasks)
    hosts = {from_inside(world, tasks[0], f"http://[{vip(world)}]:8080/") for _ in range(2)}
    assert hosts == set(tasks), "itself too"
    assert page(world, f"http://[{vip(world)}]:8080/") in tasks, "from the machine"


@pytest.mark.parametrize("beside", [(), ("--network", "four")])
def test_a_published_port_shows_its_client(world: World, beside: tuple[str, ...]) -> None:
    """Whatever other networks there are, answers leave by the one that has IPv6."""
    world.docker("network", "create", "-d", "overlay", "four")
    published = ("--publish", "8090:8080", "--publish", "5390:5353/udp")
    serve(world, *published, *beside, "--label", "skerry.ready.ports=8080/tcp")
    (container,) = containers(world, "web")
    who = "/cgi-bin/who"
    assert page(world, f"http://[{INSIDE6}]:8090{who}", outside=True).strip("[]") == OUTSIDE6
    assert OUTSIDE in page(world, f"http://{INSIDE}:8090{who}", outside=True)
    for host in ("[::1]", f"[{INSIDE6}]", "127.0.0.1"):
        assert page(world, f"http://{host}:8090/") == container
    assert from_inside(world, container, f"http://[{INSIDE6}]:8090/") == container
    with datagrams(world, container):
        ask = (sys.executable, "-c", ASK_UDP, INSIDE6, "5390")
        assert world.run(*ask, outside=True).strip() == OUTSIDE6
        assert world.run(*ask).strip()


def test_who_comes_while_nobody_is_ready_is_held(world: World) -> None:
    serve(world, "--publish", "8090:8080")
    asking, address = guest(world), vip(world)
    world.docker("service", "scale", "--detach", "web=0")
    wait_until(lambda: not containers(world, "web"), "it is gone", 60)
    with ThreadPoolExecutor(2) as pool:
        inside = pool.submit(from_inside, world, asking, f"http://[{address}]:8080/")
        outside = pool.submit(page, world, f"http://[{INSIDE6}]:8090/", outside=True)
        world.docker("service", "scale", "--detach", "web=1")
        runs(world, 1)
        (container,) = containers(world, "web")
        assert (inside.result(), outside.result()) == (container, container)


def test_the_address_of_a_task_that_is_gone_leads_on(world: World) -> None:
    serve(world)
    asking = guest(world)
    (before,) = containers(world, "web")
    address = own(world, before)
    assert from_inside(world, asking, f"http://[{address}]:8080/") == before
    world.docker("service", "update", "--quiet", "--force", "web")
    wait_until(lambda: containers(world, "web") != [before], "another task", 60)
    (after,) = containers(world, "web")
    assert own(world, after) != address
    assert from_inside(world, asking, f"http://[{address}]:8080/") == after
    assert page(world, f"http://[{address}]:8080/") == after


def test_an_internal_network_leads_nowhere_else(world: World) -> None:
    words = ("--internal", "--attachable", "--ipv6", "--subnet", "fd00:61::/64", "inner")
    world.docker("network", "create", "-d", "overlay", *words)
    quiet = ("--quiet", "--detach", "--no-resolve-image", "--name", "hidden", "--network", "inner")
    world.docker("service", "create", *quiet, "box:1", "sh", "-c", SERVE)
    runs(world, 1, "hidden")
    serve(world, "--publish", "8090:8080")
    (hidden,) = containers(world, "hidden")
    assert from_inside(world, hidden, f"http://[{vip(world, 'hidden')}]:8080/") == hidden
    for host in (INSIDE6, vip(world), "fd00:61::1", "fd00:60::1"):
        quick = ("curl", "-gs", "-m", "2", f"http://[{host}]:8090/")
        assert world.as_container(hidden, *quick, check=False) == "", host
    for address in (vip(world, "hidden"), "fd00:61::2"):
        (other,) = containers(world, "web")
        quick = ("curl", "-gs", "-m", "2", f"http://[{address}]:8080/")
        assert world.as_container(other, *quick, check=False) == "", "nor is it reached from another"


def test_a_plain_container_has_the_address_that_is_asked_for(world: World) -> None:
    words = ("--detach", "--name", "guest", "--network", "six", "--ip6", "fd00:60::77")
    world.docker("run", *words, "box:1", "sleep", "100000")
    assert own(world, "guest") == "fd00:60::77"
    again = ("run", "--rm", "--network", "six", "--ip6", "fd00:60::77", "box:1", "true")
    assert "Address already in use" in world.docker(*again, check=False)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--ipv6", "--subnet", "fd00:62::/121"), "subnet fd00:62::/121 is too small"),
        (("--ipv6", "--subnet", "fd00:60::/48"), f"overlaps with network six ({SUBNET})"),
        (
            ("--ipv6", "--subnet", "fd99::/64"),
            "overlaps with fd99::/64, which this machine reaches otherwise",
        ),
        (("--subnet", "fd00:62::/64"), "add --ipv6"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(world: World, words: tuple[str, ...], why: str) -> None:
    said = world.docker("network", "create", "-d", "overlay", *words, "bad", check=False)
    assert why in said
    assert "bad" not in world.docker("network", "ls", "--format", "{{.Name}}").split()


def test_a_port_that_only_ipv6_has_taken_is_said(world: World) -> None:
    words = world.net.within([sys.executable, "-c", HOLD])
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"
        try:
            quiet = ("--quiet", "--detach", "--no-resolve-image", "--name", "web", "--network", "six")
            world.docker("service", "create", *quiet, "--publish", "8091:8080", "box:1", "sh", "-c", SERVE)
            wait_until(lambda: "tcp/8091: address already in use" in world.skerry("status"), "it is said", 60)
        finally:
            holder.kill()
    wait_until(lambda: page(world, f"http://[{INSIDE6}]:8091/", outside=True) != "", "it is ours now", 60)


def test_a_network_without_a_subnet_gets_one_of_its_own(world: World) -> None:
    world.docker("network", "create", "-d", "overlay", "--ipv6", "some")
    config = json.loads(world.docker("network", "inspect", "--format", "{{json .IPAM.Config}}", "some"))
    subnet = IPv6Network(config[1]["Subnet"])
    assert subnet.prefixlen == 64
    assert subnet.subnet_of(IPv6Network("fd00::/8"))
