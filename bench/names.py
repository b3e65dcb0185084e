"""Names as containers ask for them: `python -m bench.names` (`make bench-names`).

Look-ups of a service's name from a task, and of a container's name from a container on a network of the
engine alone, which its own resolver answers: in turn, each from a fresh socket. Then eight tasks ask without
a pause: how many answers the gate gives in a second of a processor, which is what it has where the machine
has one to give; and what its memory does meanwhile. Exits 1 where a bound is missed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import dns.message

from demo.ending import end_in_order
from harness.world import World, wait_until
from skerry.linux.netns import inside

LOOKUPS = 3000
FLOODING = 8
"""Tasks that ask without a pause."""
OPEN_OF_EACH = 16
"""Questions of one of them that are not answered yet."""
FLOOD_S = 5.0
FLOODS = 5
"""The first one is not counted: caches of a bounded size are filled by it."""
ANSWER_S = 5.0
ALIASES = tuple(f"alias-{number}" for number in range(60))
NAMES = ("web", "tasks.web", "WEB", "web.n", *ALIASES)
RATIO_LIMIT = 1.2
RATE_LIMIT = 5000.0
GROWTH_LIMIT_KB = 1024


class Place(NamedTuple):
    """Where a container asks: its network namespace and its first nameserver."""

    netns: Path
    server: str

    def plug(self) -> socket.socket:
        """A fresh socket that asks there."""
        return inside(self.netns, self._plug)

    def _plug(self) -> socket.socket:
        plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        plug.settimeout(ANSWER_S)
        plug.connect((self.server, 53))
        return plug


class Flood(NamedTuple):
    """What a flood came to: answers, seconds, and the gate's seconds of a processor."""

    answers: int
    seconds: float
    worked: float


def main() -> int:
    """Measure and print; 0 where all bounds are kept."""
    end_in_order()
    with World(images=["box"]) as world:
        prepare(world)
        ours, engines = place_of(world, tasks_of(world, "client")[0]), place_of(world, "asker")
        lookup, engine = lookups(ours, "web"), lookups(engines, "peer")
        ours_us, engines_us = medians(lookup, engine)
        places = [place_of(world, container) for container in tasks_of(world, "client")]
        gate = gate_pid(world)
        floods, before = [flood(places, gate)], memory_kb(gate)
        floods += [flood(places, gate) for _ in range(FLOODS - 1)]
        after = memory_kb(gate)
    return report(ours_us, engines_us, floods[1:], after - before, after)


def report(ours_us: float, engines_us: float, floods: list[Flood], growth_kb: int, memory: int) -> int:
    """Print the figures, and which bounds are missed."""
    ratio = ours_us / engines_us
    a_second = statistics.median(row.answers / row.seconds for row in floods)
    of_core = statistics.median(row.answers / row.worked for row in floods)
    print("| | |\n| --- | ---: |")
    print(f"| a look-up in a task, median | {ours_us:.0f} µs |")
    print(f"| the engine's own resolver, median | {engines_us:.0f} µs |")
    print(f"| answers a second, {FLOODING} tasks without a pause | {a_second:.0f} |")
    print(f"| answers a second of the gate's processor | {of_core:.0f} |")
    print(f"| the gate's memory | {memory} kB |")
    print(f"| more than before {sum(row.answers for row in floods)} answers | {growth_kb} kB |")
    missed = []
    if ratio > RATIO_LIMIT:
        missed.append(f"a look-up takes {ratio:.2f} times the engine's, {RATIO_LIMIT} at most")
    if of_core < RATE_LIMIT:
        missed.append(f"{of_core:.0f} answers a second on one core, {RATE_LIMIT:.0f} at least")
    if growth_kb > GROWTH_LIMIT_KB:
        missed.append(f"the memory grew by {growth_kb} kB, {GROWTH_LIMIT_KB} at most")
    for line in missed:
        print(f"missed: {line}")
    print(f"bench-names: ratio={ratio:.2f} per_core={of_core:.0f} growth_kB={growth_kb} missed={len(missed)}")
    return 1 if missed else 0


def prepare(world: World) -> None:
    """A service and those who ask for it; two containers on a network of the engine alone."""
    docker = world.docker
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
    docker("network", "create", "--driver", "overlay", "n")
    docker("network", "create", "own")
    network = ",".join(["name=n", *(f"alias={alias}" for alias in ALIASES)])
    docker("service", "create", "--detach", "--name", "web", "--replicas", "4", "--network", network, "box:1")
    clients = ("--name", "client", "--replicas", str(FLOODING))
    docker("service", "create", "--detach", *clients, "--network", "n", "box:1")
    for name in ("peer", "asker"):
        docker("run", "--detach", "--name", name, "--network", "own", "box:1")
    wait_until(lambda: len(tasks_of(world, "web")) == 4, "web runs", 60)
    wait_until(lambda: len(tasks_of(world, "client")) == FLOODING, "client runs", 60)


def tasks_of(world: World, service: str) -> list[str]:
    """The containers of a service's tasks that run."""
    return [
        str(task["Status"]["ContainerStatus"]["ContainerID"])
        for task in world.api().live(service)
        if task["Status"]["State"] == "running"
    ]


def place_of(world: World, container: str) -> Place:
    """Where a container asks."""
    pid = world.inspect("container", container)["State"]["Pid"]
    lines = world.docker("exec", container, "cat", "/etc/resolv.conf").splitlines()
    server = next(line.split()[1] for line in lines if line.startswith("nameserver"))
    return Place(Path(f"/proc/{pid}/ns/net"), server)


def lookups(place: Place, name: str) -> Callable[[], float]:
    """A function that looks a name up and tells how many microseconds that took."""
    ids = itertools.count()

    def lookup() -> float:
        query = dns.message.make_query(name, "A")
        query.id = next(ids) & 0xFFFF
        wire = query.to_wire()
        with place.plug() as plug:
            start = time.perf_counter_ns()
            plug.send(wire)
            answer = plug.recv(4096)
            took = time.perf_counter_ns() - start
        if not dns.message.from_wire(answer).answer:
            raise RuntimeError(f"{place.server} does not know {name}")
        return took / 1000

    return lookup


def medians(*ways: Callable[[], float]) -> tuple[float, ...]:
    """Of each way, all in turn."""
    rows = [[way() for way in ways] for _ in range(LOOKUPS)]
    return tuple(statistics.median(times) for times in zip(*rows, strict=True))


def flood(places: list[Place], gate: int) -> Flood:
    """Ask without a pause, from everywhere; what was sent and not answered within a second is sent again."""
    wires = [dns.message.make_query(name, kind).to_wire() for name in NAMES for kind in ("A", "AAAA")]
    turn = itertools.cycle(wires)
    with selectors.DefaultSelector() as selector:
        plugs = [place.plug() for place in places]
        for plug in plugs:
            plug.setblocking(False)
            selector.register(plug, selectors.EVENT_READ)
            fill(plug, turn)
        worked, start = processor_s(gate), time.monotonic()
        answers = 0
        while (now := time.monotonic()) < start + FLOOD_S:
            ready = selector.select(1.0)
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                answers += exchange(key.fileobj, turn)
            if not ready:
                for plug in plugs:
                    fill(plug, turn)
        worked = processor_s(gate) - worked
        for plug in plugs:
            plug.close()
    return Flood(answers, now - start, worked)


def fill(plug: socket.socket, turn: itertools.cycle[bytes]) -> None:
    """Send as many questions as may be open."""
    for _ in range(OPEN_OF_EACH):
        plug.send(next(turn))


def exchange(plug: socket.socket, turn: itertools.cycle[bytes]) -> int:
    """Take what is answered, and ask as much again; how much that was."""
    count = 0
    while True:
        try:
            plug.recv(4096)
        except BlockingIOError:
            return count
        plug.send(next(turn))
        count += 1


def gate_pid(world: World) -> int:
    """The gate's process, as it says itself."""

    async def status() -> bytes:
        reader, writer = await asyncio.open_unix_connection(world.run_dir / "gate.sock")
        try:
            return await reader.readline()
        finally:
            writer.close()

    return int(json.loads(asyncio.run(status()))["pid"])


def processor_s(pid: int) -> float:
    """Seconds that a process has had a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_kb(pid: int) -> int:
    """What a process has in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    sys.exit(main())
