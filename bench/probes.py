"""What health checks cost those who are served: `python -m bench.probes`.

An app answers one client in a loop while ten other containers are health-checked each second, by a command
(`curl -f`) and by skerry's probe of the same check, in turn. Then 500 probes at an interval of 5 s, by one
process alone.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import statistics
import time
from pathlib import Path

from msgspec.structs import replace

from demo.ending import end_in_order
from harness.net import INSIDE
from harness.world import World, wait_until
from skerry.engine.client import connect_engine
from skerry.health.check import HEALTHY, Check
from skerry.health.prober import Prober
from skerry.health.sockets import NamespaceSockets
from skerry.health.translate import translated
from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.defaults import SECOND
from skerry.model.objects import Task, TaskStatus
from skerry.model.spec import Spec
from skerry.model.specs import TaskTemplate
from skerry.model.states import TaskState

CHECKED = 10
SECONDS = 15.0
PACE_S = 0.004
ROUNDS = 3
MANY = 500
CHECK = "curl -sf http://127.0.0.1:8080/healthcheck || exit 1"


def main() -> None:
    """Measure and print."""
    end_in_order()
    with World(images=["story"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        create(world, "app", 1, 8080, ["--no-healthcheck"])
        figures: dict[str, list[tuple[float, float, float, float]]] = {"none": [], "exec": [], "probe": []}
        for _ in range(ROUNDS):
            figures["none"].append(inside(RUN_NETNS / world.net.inside, served))
            for way, label in (("exec", "exec"), ("probe", "http://:8080/healthcheck")):
                more = ["--health-cmd", CHECK, "--health-interval", "1s", "--label", f"skerry.probe={label}"]
                create(world, "checked", CHECKED, 0, more)
                figures[way].append(inside(RUN_NETNS / world.net.inside, served))
                world.docker("service", "rm", "checked")
                wait_until(lambda: not world.api().containers("checked"), "they are gone")
        share = asyncio.run(many(world))
    print(f"| {CHECKED} checks each second by | p50 ms | p99 ms | slowest ms | processors busy |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for way, rounds in figures.items():
        p50, p99, slowest, busy = (statistics.median(one) for one in zip(*rounds, strict=True))
        print(f"| {way} | {p50:.2f} | {p99:.2f} | {slowest:.1f} | {busy:.0%} |")
    print(f"bench-probes: {MANY} probes at 5 s: {share:.1%} of a processor")


def create(world: World, name: str, replicas: int, port: int, more: list[str]) -> None:
    """A service of the story's app, running."""
    publish = ["--publish", f"{port}:8080"] if port else []
    words = ["service", "create", "--detach", "--name", name, "--replicas", str(replicas), *publish, *more]
    world.docker(*words, "story-app:1.0.0")

    def runs() -> bool:
        tasks = world.api().live(name)
        return len(tasks) == replicas and all(task["Status"]["State"] == "running" for task in tasks)

    wait_until(runs, f"{name} runs", 90)


def busy_s() -> float:
    """Seconds that all processors together have worked."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(words[place]) for place in (0, 1, 2, 5, 6)) / os.sysconf("SC_CLK_TCK")


def served() -> tuple[float, float, float, float]:
    """p50, p99 and slowest (ms) of one client in a loop, and how busy the processors were meanwhile."""
    connection = http.client.HTTPConnection(INSIDE, 8080, timeout=10)
    took = []
    began, worked = time.monotonic(), busy_s()
    while time.monotonic() < began + SECONDS:
        at = time.monotonic()
        connection.request("GET", "/")
        connection.getresponse().read()
        took.append((time.monotonic() - at) * 1000)
        time.sleep(max(0.0, at + PACE_S - time.monotonic()))
    busy = (busy_s() - worked) / (time.monotonic() - began) / (os.cpu_count() or 1)
    connection.close()
    took.sort()
    return took[len(took) // 2], took[int(len(took) * 0.99)], took[-1], busy


async def many(world: World) -> float:
    """The share of a processor that so many probes take."""
    container = str(world.api().containers("app")[0]["Id"])
    pid = int(world.inspect("container", container)["State"]["Pid"])
    probe = translated(["curl", "-f", "http://127.0.0.1:8080/healthcheck"])
    assert probe is not None
    sockets, engine = NamespaceSockets(), await connect_engine(f"{world.socket}")
    prober = Prober(engine, time.time_ns, sockets)
    blank = Task(
        "",
        "s",
        "s",
        "n",
        Spec(TaskTemplate, {}),
        None,
        1,
        TaskState.RUNNING,
        TaskStatus(TaskState.RUNNING, 1, ""),
    )
    check = Check(("true",), interval=5 * SECOND, probe=probe)
    works = []
    for number in range(MANY):
        task = replace(blank, id=f"t{number}")
        works.append(asyncio.create_task(prober.until_changed(task, check, HEALTHY, 0, pid)))
        await asyncio.sleep(5 / MANY)
    began, spent = time.monotonic(), time.process_time()
    await asyncio.sleep(20)
    share = (time.process_time() - spent) / (time.monotonic() - began)
    assert not any(work.done() for work in works), "a probe failed"
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)
    sockets.close()
    await engine.close()
    return share


if __name__ == "__main__":
    main()
