"""Throughput to one nginx by every way there is: `python -m bench.network` (`make bench-network`).

From where clients are: the machine itself, a container of the same network, another host. Direct to the
container; the service's VIP; its published port; HAProxy in TCP mode; the engine's own `-p`, and its
container directly. All ways of a place in turn, in rounds that each begin with another one, with wrk: 32
connections kept, then a new one for each request. Two rounds of the same differ by a tenth, and the
machine's speed drifts, so a way's share is the median of its shares in each round, of the direct connection
next to it. Needs wrk and haproxy.

Another host reaches no container of ours directly: a door is opened for that, and skerryd is stopped
meanwhile, since it would close it.

Kept connections meet one nginx by all ways. New ones have an nginx for each way: to one and the same, a
connection by the VIP would come from the address and, by chance, the port of a direct one that has just
ended, and would wait until that is forgotten.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from msgspec import Struct

from demo.ending import end_in_order
from harness.net import INSIDE, INSIDE6, run
from harness.world import World, wait_until

ROUNDS = 20
SECONDS = 1
HERE, BESIDE, OUTSIDE = "the machine itself", "a container", "another host"
DIRECT, VIP, PUBLISHED = "direct", "VIP", "published port"
ENGINE, ENGINE_DIRECT = "the engine's -p", "its container, direct"
FOUR_KEY, SIX_KEY = "IPAddress", "GlobalIPv6Address"
FOUR_TOOLS, SIX_TOOLS = ("ip", "iptables", "DOCKER-USER"), ("ip6", "ip6tables", "FORWARD")
"""nft's word for a family, and where the engine lets something through."""
NGINX = """
worker_processes 2;
error_log stderr error;
pid /tmp/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
  server { listen 80 backlog=4096; listen [::]:80 backlog=4096; return 200 "ok\\n"; }
}
"""
HAPROXY = """
global
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen all
  bind :8090
  server one {backend}
"""


SIX = ", IPv6"
SUBNET6 = "fd00:50::/64"


class Way(NamedTuple):
    """Host and port to ask on connections that are kept, and on new ones; `of` is what counts as all."""

    name: str
    of: str
    kept: str
    new: str


class Rate(Struct, frozen=True):
    """Requests a second, and the share of the direct way's in the same rounds."""

    place: str
    way: str
    kept: float
    kept_share: float
    new: float
    new_share: float


def main() -> None:
    """Measure and print."""
    end_in_order()
    rates = measure()
    print("\n".join(table(rates)))
    shares = {(rate.place, rate.way): rate for rate in rates}
    words = []
    for name, place, way in (
        ("vip", BESIDE, VIP),
        ("published", OUTSIDE, PUBLISHED),
        ("engine", OUTSIDE, ENGINE),
        ("here_vip", HERE, VIP),
        ("here_published", HERE, PUBLISHED),
        ("here_engine", HERE, ENGINE),
        ("vip6", BESIDE, VIP + SIX),
        ("published6", OUTSIDE, PUBLISHED + SIX),
        ("here_vip6", HERE, VIP + SIX),
        ("here_published6", HERE, PUBLISHED + SIX),
    ):
        rate = shares[place, way]
        words += [f"{name}_kept={rate.kept_share:.3f}", f"{name}_new={rate.new_share:.3f}"]
    print(f"bench-network: {' '.join(words)}")


def table(rates: Iterable[Rate]) -> Iterator[str]:
    """The lines of a table."""
    yield "| from | way | kept, req/s | of direct | new each time, req/s | of direct |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for one in rates:
        cells = [f"{one.kept:.0f} | {one.kept_share:.1%}", f"{one.new:.0f} | {one.new_share:.1%}"]
        yield f"| {one.place} | {one.way} | {cells[0]} | {cells[1]} |"


def need_tools() -> None:
    """End where what asks or answers is not installed."""
    for tool in ("wrk", "haproxy"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed: bash scripts/setup bench")


def measure() -> list[Rate]:
    """By place and way."""
    need_tools()
    with World(images=["story"]) as world:
        places = prepared(world)
        task = world.inspect("container", task_of(world, "proxied"))
        here, outside = world.net.within([]), world.net.within([], outside=True)
        beside = ["nsenter", f"--net=/proc/{task['State']['Pid']}/ns/net"]
        with haproxy(world, address(world, "proxied")):
            rates = list(rates_of(HERE, here, places[HERE]))
        rates += rates_of(BESIDE, beside, places[BESIDE])
        with door(world, [way for way in places[OUTSIDE] if way.name == way.of]):
            rates += rates_of(OUTSIDE, outside, places[OUTSIDE])
    return rates


def prepared(world: World) -> dict[str, list[Way]]:
    """nginx as services, and by the engine's own means; the ways of each place."""
    conf = world.root / "nginx.conf"
    conf.write_text(NGINX)
    world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
    world.docker("network", "create", "--driver", "overlay", "--ipv6", "--subnet", SUBNET6, "bench")
    world.docker("config", "create", "nginx", str(conf))
    command = ["nginx", "-c", "/n.conf", "-g", "daemon off;"]
    for name, more in (("web", ("--publish", "8080:80")), ("fresh", ()), ("proxied", ())):
        world.docker(
            *("service", "create", "--detach", "--name", name, "--network", "bench", *more),
            *("--no-healthcheck", "--config", "source=nginx,target=/n.conf", "story-web:1.0.0", *command),
        )
    for name, port in (("own", 8088), ("own-fresh", 8089)):
        world.docker(
            *("run", "--detach", "--name", name, "--publish", f"{port}:80", "--no-healthcheck"),
            *("--volume", f"{conf}:/n.conf", "story-web:1.0.0", *command),
        )
    rows = world.inspect("service", "web")["Endpoint"]["VirtualIPs"][-2:]
    four, six = (row["Addr"].partition("/")[0] for row in rows)
    vip, vip6, own = f"{four}:80", f"[{six}]:80", container_address(world, "own-fresh")
    direct = Way(DIRECT, DIRECT, address(world, "web"), address(world, "fresh"))
    by_vip = Way(VIP, DIRECT, vip, vip)
    published = Way(PUBLISHED, DIRECT, f"{INSIDE}:8080", f"{INSIDE}:8080")
    engine = [
        Way(ENGINE_DIRECT, ENGINE_DIRECT, own, own),
        Way(ENGINE, ENGINE_DIRECT, f"{INSIDE}:8089", f"{INSIDE}:8088"),
    ]
    local = Way(f"{ENGINE}, 127.0.0.1", ENGINE_DIRECT, "127.0.0.1:8089", "127.0.0.1:8088")
    direct6 = Way(DIRECT + SIX, DIRECT + SIX, *(address(world, name, SIX_KEY) for name in ("web", "fresh")))
    by_vip6 = Way(VIP + SIX, DIRECT + SIX, vip6, vip6)
    published6 = Way(PUBLISHED + SIX, DIRECT + SIX, f"[{INSIDE6}]:8080", f"[{INSIDE6}]:8080")
    places = {
        HERE: [direct, by_vip, published, *engine, local, direct6, by_vip6, published6],
        BESIDE: [direct, by_vip, direct6, by_vip6],
        OUTSIDE: [direct, published, *engine, direct6, published6],
    }
    for way in places[HERE]:
        for place in (way.kept, way.new):
            answers(world.net.within([]), place)
    places[HERE].append(Way("HAProxy, TCP", DIRECT, f"{INSIDE}:8090", f"{INSIDE}:8090"))
    return places


def task_of(world: World, service: str) -> str:
    """The container of the one task of a service."""
    wait_until(lambda: world.api().containers(service), f"{service} runs")
    return str(world.api().containers(service)[0]["Id"])


def address(world: World, service: str, key: str = FOUR_KEY) -> str:
    """Host and port of the one task of a service."""
    return container_address(world, task_of(world, service), key)


def container_address(world: World, container: str, key: str = FOUR_KEY) -> str:
    """Host and port of a container's nginx. `key`: what the engine calls the address."""
    networks = world.inspect("container", container)["NetworkSettings"]["Networks"]
    found = next(one[key] for one in networks.values() if one[key])
    return f"[{found}]:80" if ":" in found else f"{found}:80"


def answers(prefix: Sequence[str], place: str) -> None:
    """Wait until nginx answers there."""
    ask = (*prefix, "curl", "-gs", "-m", "2", f"http://{place}/")
    wait_until(lambda: run(*ask, check=False) == "ok\n", f"{place} answers")


@contextmanager
def haproxy(world: World, backend: str) -> Iterator[None]:
    """HAProxy on the machine, in front of a task (host and port)."""
    conf = world.root / "haproxy.cfg"
    conf.write_text(HAPROXY.format(backend=backend))
    process = subprocess.Popen(
        world.net.within(["haproxy", "-db", "-f", str(conf)]), stderr=subprocess.DEVNULL
    )
    try:
        answers(world.net.within([]), f"{INSIDE}:8090")
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def door(world: World, ways: Sequence[Way]) -> Iterator[None]:
    """Other hosts reach these containers directly, which neither the engine nor skerry allows."""
    hosts = {place.rpartition(":")[0].strip("[]") for way in ways for place in (way.kept, way.new)}
    for subnet, by in (("172.16.0.0/12", INSIDE), (SUBNET6, INSIDE6)):
        run("ip", "-n", world.net.outside, "route", "add", subnet, "via", by)
    os.kill(world.pid, signal.SIGSTOP)
    try:
        for host in hosts:
            (word, tool, chain), table = SIX_TOOLS if ":" in host else FOUR_TOOLS, f"skerry-{world.name}"
            world.run("nft", "insert", "rule", word, table, "forward", word, "daddr", host, "accept")
            for end in ("-s", "-d"):
                world.run(tool, "-w", "-I", chain, end, host, "-j", "ACCEPT")
        for way in ways:
            answers(world.net.within([], outside=True), way.kept)
        yield
    finally:
        os.kill(world.pid, signal.SIGCONT)


def rates_of(place: str, prefix: Sequence[str], ways: Sequence[Way]) -> Iterator[Rate]:
    """Medians of the rounds."""
    kept = measured(prefix, {way.name: way.kept for way in ways}, [])
    new = measured(prefix, {way.name: way.new for way in ways}, ["-H", "Connection: close"])
    for way in ways:
        found = []
        for rates in (kept, new):
            shares = [one / whole for one, whole in zip(rates[way.name], rates[way.of], strict=True)]
            found += [statistics.median(rates[way.name]), statistics.median(shares)]
        yield Rate(place, way.name, *found)


def measured(prefix: Sequence[str], ways: dict[str, str], header: Sequence[str]) -> dict[str, list[float]]:
    """Requests a second in each round, by way."""
    seen: dict[str, list[float]] = {way: [] for way in ways}
    order = list(ways)
    for _ in range(ROUNDS):
        order.append(order.pop(0))
        for way in order:
            seen[way].append(rate(prefix, ways[way], header))
    return seen


def rate(prefix: Sequence[str], place: str, header: Sequence[str]) -> float:
    """Requests a second to a host (and port), as wrk says, which the prefix runs somewhere."""
    said = run(*prefix, "wrk", "-t2", "-c32", f"-d{SECONDS}s", *header, f"http://{place}/")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return float(found[1])


if __name__ == "__main__":
    main()
