"""The soak: a hundred tasks in use, as for months; what skerry holds is looked at again and again."""

from __future__ import annotations

import time
from contextlib import closing

from harness.world import World, wait_until
from tests.soak.measure import Measure, measure
from tests.soak.series import WARM, Series
from tests.soak.users import Api, Users

SERVE = ["sh", "-c", "trap exit TERM; httpd -p 80 -h /; while true; do echo served; sleep 0.5; done"]
REPLICAS = 2
UPDATED = 5
"""So many services are updated in turn; the revisions kept of them are full after the first quarter."""
HISTORY = 1
"""Former tasks of a slot that are kept: it is full after the first quarter."""
QUICKER = 3
"""So many times as often as later a service is updated in the first quarter."""
SAMPLES = 240
SAMPLE_S = 2.0
START_S = 300.0


def soak(seconds: float, *, tasks: int = 100, every_s: float = 5.0) -> Series:
    """Play it in a world of its own."""
    with World(images=["box"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--task-history-limit", str(HISTORY))
        world.docker("network", "create", "--driver", "overlay", "n")
        names = _deployed(world, tasks // REPLICAS)
        users = Users(world, names[:UPDATED])
        users.start()
        try:
            samples = _sampled(world, users, seconds, every_s)
        finally:
            users.stop()
        return Series(round(seconds / 60, 1), REPLICAS * len(names), users.updates, samples)


def _deployed(world: World, services: int) -> list[str]:
    """Services, all of whose tasks run."""
    names = [f"s{number}" for number in range(services)]
    with closing(Api(world)) as api:
        for name in names:
            api.call("POST", "/services/create", _spec(name, published=name == names[0]))
        wait_until(lambda: _run(api, services), "all tasks run", START_S)
    return names


def _run(api: Api, services: int) -> bool:
    seen = [one["ServiceStatus"] for one in api.call("GET", "/services?status=true")]
    return len(seen) == services and all(one["RunningTasks"] == one["DesiredTasks"] for one in seen)


def _sampled(world: World, users: Users, seconds: float, every_s: float) -> list[tuple[float, Measure]]:
    samples = []
    began = time.monotonic()
    pause_s = max(SAMPLE_S, seconds / SAMPLES)
    while (now := time.monotonic() - began) < seconds:
        users.every_s = every_s / QUICKER if now < WARM * seconds else every_s
        samples.append((now, measure(world)))
        time.sleep(pause_s)
    return samples


def _spec(name: str, *, published: bool) -> dict[str, object]:
    container = {"Image": "box:1", "Command": SERVE, "StopGracePeriod": 1_000_000_000}
    ports = [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080}] if published else []
    return {
        "Name": name,
        "Labels": {"skerry.address.afterlife": "10s"},
        "TaskTemplate": {"ContainerSpec": container, "Networks": [{"Target": "n"}]},
        "Mode": {"Replicated": {"Replicas": REPLICAS}},
        "UpdateConfig": {"Parallelism": 1, "Monitor": 1_000_000},
        "EndpointSpec": {"Ports": ports},
    }
