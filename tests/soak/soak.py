"""The soak: tasks in use, as for months; what skerry holds is looked at again and again, or twice.

It counts once it is warm: every service that is updated has been updated so often that what is kept of it is
full. That is a number of updates, however long these take.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from harness.world import World, wait_until
from skerry.model.defaults import HISTORY_KEPT
from tests.soak.measure import Measure, kinds, least, measure
from tests.soak.series import Series
from tests.soak.users import Api, Users

SERVE = ["sh", "-c", "trap exit TERM; httpd -p 80 -h /; while true; do echo served; sleep 0.5; done"]
REPLICAS = 2
UPDATED = 5
"""So many services are updated in turn."""
HISTORY = 1
"""Former tasks of a slot that are kept."""
AFTERLIFE_S = 3
"""So long the addresses of former tasks are."""
WARM_UPDATES = HISTORY_KEPT + 2
"""Of each service that is updated: then it has all the revisions that are kept."""
WARM = 0.25
"""The share of the time that it is given to become warm, at least."""
QUICKER = 3
"""So many times as often as later a service is updated meanwhile."""
SAMPLES = 240
SAMPLE_S = 2.0
START_S = 300.0
UPDATE_S = 10.0
LOOKS = 3
LOOK_S = 1.0


@contextmanager
def in_use(services: int, every_s: float) -> Iterator[tuple[World, Users]]:
    """So many services in a world of its own, all of whose tasks run, and their users."""
    with World(images=["box"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--task-history-limit", str(HISTORY))
        world.docker("network", "create", "--driver", "overlay", "n")
        users = Users(world, _deployed(world, services)[:UPDATED], every_s)
        users.start()
        try:
            yield world, users
        finally:
            users.stop()


def soak(seconds: float, *, tasks: int = 100, every_s: float = 5.0) -> Series:
    """All the time in use; longer where it is not warm after a quarter of the time."""
    with in_use(tasks // REPLICAS, every_s / QUICKER) as (world, users):
        users.updating.set()
        pause_s, begin = max(SAMPLE_S, seconds / SAMPLES), time.monotonic()
        samples = list(_sampled(world, users, pause_s, begin + WARM * seconds, WARM_UPDATES))
        warm, users.every_s = len(samples), every_s
        end = time.monotonic() + (1 - WARM) * seconds
        samples += _sampled(world, users, pause_s, end)
        taken = [(at - begin, one) for at, one in samples]
        return Series(round(seconds / 60, 1), tasks, users.updates, warm, taken)


def _sampled(
    world: World, users: Users, pause_s: float, until: float, times: int = 0
) -> Iterator[tuple[float, Measure]]:
    """Measures, each with its moment, until a moment, and until each service has been updated so often."""
    while not users.have_updated(times) or time.monotonic() < until:
        yield time.monotonic(), measure(world)
        time.sleep(pause_s)


def before_and_after(times: int, *, tasks: int = 4, every_s: float = 0.3) -> tuple[Measure, Measure]:
    """What is held at rest once it is warm, and after so many more updates of each service."""
    with in_use(tasks // REPLICAS, every_s) as (world, users):
        before = _at_rest(world, users, WARM_UPDATES)
        return before, _at_rest(world, users, WARM_UPDATES + times)


def _at_rest(world: World, users: Users, times: int) -> Measure:
    """Once each service has been updated so often, and all that came of it is through."""
    users.updating.set()
    wait_until(lambda: users.have_updated(times), f"{times} updates of each service", UPDATE_S * times)
    users.updating.clear()
    with closing(Api(world)) as api:
        wait_until(lambda: _is_through(world, api), "all updates are through", START_S)
    return least([measure(world) for _ in _looks()])


def _is_through(world: World, api: Api) -> bool:
    """Whether every update is, all tasks run, and no address of a former one is remembered."""
    services = api.call("GET", "/services?status=true")
    states = {one.get("UpdateStatus", {}).get("State", "completed") for one in services}
    return states == {"completed"} and _run(services) and not kinds(world).get("former")


def _looks() -> Iterator[int]:
    for number in range(LOOKS):
        time.sleep(LOOK_S)
        yield number


def _deployed(world: World, services: int) -> list[str]:
    """Services, all of whose tasks run."""
    names = [f"s{number}" for number in range(services)]
    with closing(Api(world)) as api:
        for name in names:
            api.call("POST", "/services/create", _spec(name, published=name == names[0]))
        wait_until(lambda: _run(api.call("GET", "/services?status=true")), "all tasks run", START_S)
    return names


def _run(services: list[dict[str, Any]]) -> bool:
    seen = [one["ServiceStatus"] for one in services]
    return all(one["RunningTasks"] == one["DesiredTasks"] == REPLICAS for one in seen)


def _spec(name: str, *, published: bool) -> dict[str, object]:
    container = {"Image": "box:1", "Command": SERVE, "StopGracePeriod": 1_000_000_000}
    ports = [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080}] if published else []
    return {
        "Name": name,
        "Labels": {"skerry.address.afterlife": f"{AFTERLIFE_S}s"},
        "TaskTemplate": {"ContainerSpec": container, "Networks": [{"Target": "n"}]},
        "Mode": {"Replicated": {"Replicas": REPLICAS}},
        "UpdateConfig": {"Parallelism": 1, "Monitor": 1_000_000},
        "EndpointSpec": {"Ports": ports},
    }
