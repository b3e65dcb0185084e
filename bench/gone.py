"""What 1,000 addresses of tasks that are gone cost: `python -m bench.gone` (a part of `make bench-network`).

Two tasks behind a VIP, on a bridge in a namespace of its own, and the table that skerry writes. wrk asks by
the VIP, on connections that it keeps and on new ones, with as many addresses that lead on and with none, in
turn. And: how long skerry takes until kernel and gate have a change, of a backend and of one more address.
Exits 1 where a bound is missed. Needs wrk and haproxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.network import need_tools, rate
from demo.ending import end_in_order
from harness.net import Net, run
from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.traffic import Backend, Former, Segment, Traffic, VirtualService
from skerry.network.kernel import KernelNetwork

MANY = 1000
ROUNDS = 15
CHANGES = 30
SHARE_LIMIT = 0.98
CHANGE_LIMIT_MS = 5.0
"""More than with none."""
SEGMENT = Segment("bench", "sk-bench", "10.0.0.0/16", "10.0.0.1", "10.0.255.254")
VIP = "10.0.200.1"
TASKS = (Backend("one", "10.0.1.2"), Backend("two", "10.0.1.3"))
GONE = tuple(Former(f"10.0.{100 + number // 250}.{number % 250 + 1}") for number in range(MANY))
FRESH = tuple(Former(f"10.0.150.{number + 1}") for number in range(CHANGES))
ORIGIN = """
global
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen all
  bind :80
  http-request return status 200 content-type text/plain string ok
"""
WAYS = {"kept": [], "new": ["-H", "Connection: close"]}


class Cost(NamedTuple):
    """Milliseconds until a change is there: one backend more or less, one address more that is gone."""

    backend: float
    address: float


def main() -> int:
    """Measure and print; 0 where all bounds are kept."""
    end_in_order()
    need_tools()
    with street() as net, tempfile.TemporaryDirectory() as folder:
        shares, none, many = inside(RUN_NETNS / net.inside, lambda: asyncio.run(measured(net, Path(folder))))
    backend_ms, address_ms = many.backend - none.backend, many.address - none.address
    missed = sum(share < SHARE_LIMIT for share in shares.values())
    missed += sum(more > CHANGE_LIMIT_MS for more in (backend_ms, address_ms))
    words = [f"{way}={share:.3f}" for way, share in shares.items()]
    print(
        f"bench-gone: addresses={MANY} {' '.join(words)} change_ms={none.backend:.1f}+{backend_ms:.1f} "
        f"one_more_ms={none.address:.1f}+{address_ms:.1f} missed={missed}"
    )
    return 1 if missed else 0


def traffic(backends: tuple[Backend, ...], former: tuple[Former, ...]) -> Traffic:
    """One service."""
    return Traffic((SEGMENT,), (VirtualService("s", "bench", VIP, backends, former=former),))


@contextlib.contextmanager
def street() -> Iterator[Net]:
    """A machine with a bridge, two tasks and a client on it, each a namespace."""
    net = Net()
    names = [f"{net.inside}-{name}" for name in ("one", "two", "client")]
    origins: list[subprocess.Popen[bytes]] = []
    try:
        net.make()
        in_net = ["ip", "-n", net.inside]
        run(*in_net, "link", "add", SEGMENT.bridge, "type", "bridge")
        run(*in_net, "addr", "add", f"{SEGMENT.gateway}/16", "dev", SEGMENT.bridge)
        run(*in_net, "link", "set", SEGMENT.bridge, "up")
        for number, name in enumerate(names):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            ends = [f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", name]
            run(*in_net, "link", "add", *ends)
            run(*in_net, "link", "set", f"v{number}", "master", SEGMENT.bridge, "up")
            run("ip", "-n", name, "addr", "add", f"10.0.1.{number + 2}/16", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "route", "add", "default", "via", SEGMENT.gateway)
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as conf:
            conf.write(ORIGIN)
            conf.flush()
            for name in names[:2]:
                words = ["nsenter", f"--net=/run/netns/{name}", "haproxy", "-db", "-f", conf.name]
                origins.append(subprocess.Popen(words, stderr=subprocess.DEVNULL))
            yield net
    finally:
        for origin in origins:
            origin.kill()
            origin.wait()
        for name in names:
            run("ip", "netns", "del", name, check=False)
        net.remove()


async def measured(net: Net, folder: Path) -> tuple[dict[str, float], Cost, Cost]:
    """Shares of the throughput, by way; the cost of changes with none and with many."""
    network = KernelNetwork(folder, f"t{net.tag}")
    await network.start()
    try:
        await network.ensure_segment(SEGMENT)
        none, many = await cost(network, ()), await cost(network, GONE)
        shares = {way: await share(network, net, header) for way, header in WAYS.items()}
    finally:
        await network.purge()
    return shares, none, many


async def cost(network: KernelNetwork, former: tuple[Former, ...]) -> Cost:
    """Medians."""
    backend, address = [], []
    await network.apply(traffic(TASKS, former))
    for number in range(CHANGES):
        backend.append(await timed(network, traffic(TASKS[: 1 + number % 2], former)))
    for number in range(CHANGES):
        address.append(await timed(network, traffic(TASKS, former + FRESH[: number + 1])))
    return Cost(statistics.median(backend), statistics.median(address))


async def timed(network: KernelNetwork, wanted: Traffic) -> float:
    """How many milliseconds it takes until all have it."""
    start = time.perf_counter()
    await network.apply(wanted)
    return (time.perf_counter() - start) * 1000


async def share(network: KernelNetwork, net: Net, header: list[str]) -> float:
    """Requests a second with many, of those with none: the median of the rounds."""
    await network.apply(traffic(TASKS, ()))
    client = ["nsenter", f"--net=/run/netns/{net.inside}-client"]
    await asyncio.to_thread(rate, client, VIP, header)  # warm
    shares = []
    for number in range(ROUNDS):
        rates = {}
        for former in ((), GONE) if number % 2 else (GONE, ()):
            await network.apply(traffic(TASKS, former))
            rates[len(former)] = await asyncio.to_thread(rate, client, VIP, header)
        shares.append(rates[MANY] / rates[0])
    return statistics.median(shares)


if __name__ == "__main__":
    sys.exit(main())
