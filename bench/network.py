"""Throughput to one nginx by every way there is: `python -m bench.network` (`make bench-network`).

Direct to the container; the service's VIP; its published port; HAProxy in TCP mode; the engine's own `-p`,
and its container directly. All in turn, in rounds that each begin with another one, from the machine itself,
with wrk: 32 connections kept, then a new one for each request. Figures are medians of the rounds, as two of
the same differ by a tenth: requests a second, and shares of direct. Needs wrk and haproxy.

Kept connections by direct, VIP and published port meet one nginx. New ones have an nginx for each way: to
one and the same, a connection by the VIP would come from the address and, by chance, the port of a direct one
that has just ended, and would wait until that is forgotten.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.world.net import INSIDE
from tests.world.world import World, wait_until

ROUNDS = 20
SECONDS = 1
ENGINE, ENGINE_DIRECT = "the engine's -p", "its container, direct"
NGINX = """
worker_processes 2;
error_log stderr error;
pid /tmp/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
  server { listen 80 backlog=4096; return 200 "ok\\n"; }
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


def main() -> None:
    """Measure and print."""
    rates = measure()
    direct = rates["direct"]
    print("| way | kept, req/s | of direct | new each time, req/s | of direct |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for way, of in rates.items():
        cells = [f"{of[mode]:.0f} | {of[mode] / direct[mode]:.0%}" for mode in ("kept", "new")]
        print(f"| {way} | {cells[0]} | {cells[1]} |")
    line = " ".join(
        f"{name}_{mode}={rates[way][mode] / direct[mode]:.3f}"
        for mode in ("kept", "new")
        for name, way in (("vip", "VIP"), ("published", "published port"))
    )
    own = " ".join(
        f"engine_{mode}={rates[ENGINE][mode] / rates[ENGINE_DIRECT][mode]:.3f}" for mode in ("kept", "new")
    )
    print(f"bench-network: {line} {own}")


def measure() -> dict[str, dict[str, float]]:
    """Requests a second by way, on connections that are `kept`, and with a `new` one for each."""
    for tool in ("wrk", "haproxy"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed: bash scripts/setup bench")
    with World(images=["story"]) as world:
        ways, proxied = prepared(world)
        with haproxy(world, proxied):
            ways["HAProxy, TCP"] = f"{INSIDE}:8090"
            same = {**ways, "direct": address(world, "web")}
            kept, fresh = measured(world, same, close=False), measured(world, ways, close=True)
    return {way: {"kept": kept[way], "new": fresh[way]} for way in ways}


def prepared(world: World) -> tuple[dict[str, str], str]:
    """nginx as services, and by the engine's own means; host and port of each way, and HAProxy's backend."""
    conf = world.root / "nginx.conf"
    conf.write_text(NGINX)
    world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
    world.docker("network", "create", "--driver", "overlay", "bench")
    world.docker("config", "create", "nginx", str(conf))
    command = ["nginx", "-c", "/n.conf", "-g", "daemon off;"]
    for name, more in (("web", ("--publish", "8080:80")), ("direct", ()), ("proxied", ())):
        world.docker(
            *("service", "create", "--detach", "--name", name, "--network", "bench", *more),
            *("--no-healthcheck", "--config", "source=nginx,target=/n.conf", "story-web:1.0.0", *command),
        )
    world.docker(
        *("run", "--detach", "--name", "own", "--publish", "8088:80", "--no-healthcheck"),
        *("--volume", f"{conf}:/n.conf", "story-web:1.0.0", *command),
    )
    direct, proxied = (address(world, name) for name in ("direct", "proxied"))
    vip = world.inspect("service", "web")["Endpoint"]["VirtualIPs"][0]["Addr"].partition("/")[0]
    ways = {
        "direct": direct,
        "VIP": f"{vip}:80",
        "published port": f"{INSIDE}:8080",
        ENGINE_DIRECT: container_address(world, "own"),
        ENGINE: f"{INSIDE}:8088",
        f"{ENGINE}, 127.0.0.1": "127.0.0.1:8088",
    }
    for place in (*ways.values(), proxied):
        answers(world, place)
    return ways, proxied


def address(world: World, service: str) -> str:
    """Host and port of the one task of a service."""
    wait_until(lambda: world.api().containers(service), f"{service} runs")
    return container_address(world, str(world.api().containers(service)[0]["Id"]))


def container_address(world: World, container: str) -> str:
    """Host and port of a container's nginx."""
    networks = world.inspect("container", container)["NetworkSettings"]["Networks"]
    return next(f"{one['IPAddress']}:80" for one in networks.values() if one["IPAddress"])


def answers(world: World, place: str) -> None:
    """Wait until nginx answers there."""
    ask = ("curl", "-s", "-m", "2", f"http://{place}/")
    wait_until(lambda: world.run(*ask, check=False) == "ok\n", f"{place} answers")


@contextmanager
def haproxy(world: World, backend: str) -> Iterator[None]:
    """HAProxy on the machine, in front of a task (host and port)."""
    conf = world.root / "haproxy.cfg"
    conf.write_text(HAPROXY.format(backend=backend))
    process = subprocess.Popen(
        world.net.within(["haproxy", "-db", "-f", str(conf)]), stderr=subprocess.DEVNULL
    )
    try:
        answers(world, f"{INSIDE}:8090")
        yield
    finally:
        process.kill()
        process.wait()


def measured(world: World, ways: dict[str, str], *, close: bool) -> dict[str, float]:
    """Medians of the rounds, by way."""
    seen: dict[str, list[float]] = {way: [] for way in ways}
    header = ["-H", "Connection: close"] if close else []
    order = list(ways)
    for _ in range(ROUNDS):
        order.append(order.pop(0))
        for way in order:
            said = world.run("wrk", "-t2", "-c32", f"-d{SECONDS}s", *header, f"http://{ways[way]}/")
            found = re.search(r"Requests/sec:\s+([\d.]+)", said)
            assert found, said
            seen[way].append(float(found[1]))
    return {way: statistics.median(rates) for way, rates in seen.items()}


if __name__ == "__main__":
    main()
