"""Exact instants of every step, without faults and without any resync: a wake-up that is lost shows here.

When still, the engine takes 2 s for a pull, 0.1 s for a create, 0.3 s for a start, 0.5 s for a stop; a drain
takes 0.2 s, where there is a network; a health check passes when the container is 1 s old.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest

from skerry.control import services
from skerry.model.objects import Raw
from tests.control.swarm_of_one import create_service, update_service
from tests.sim.timeline import Event, Script, spec, timeline
from tests.sim.users import Users
from tests.sim.weather import Habit
from tests.sim.world import World

SECOND = 1_000_000_000


def config(**more: Any) -> Raw:
    """Update settings: one slot at a time, stop-first, monitored for 5 s."""
    return {"Parallelism": 1, "Monitor": 5 * SECOND, "FailureAction": "pause", **more}


def story(first: Raw, *then: tuple[float, Raw], until: float, plans: tuple[Habit, ...] = ()) -> Script:
    """Create a service whose images are here already, give it other specs at their instants, wait."""

    async def play(world: World, users: Users) -> None:
        world.engine.images.update(world.engine.pullable)
        world.weather.plans.extend(copy.copy(plan) for plan in plans)
        key, _ = await create_service(world.store, first)
        for at, changed in then:
            await asyncio.sleep(at - world.loop.time())
            version = str(world.view.services[key].version)
            await update_service(world.store, key, version, changed)
        await asyncio.sleep(until - world.loop.time())

    return play


async def _pulls(world: World, users: Users) -> None:
    await create_service(world.store, spec(image=1))
    await asyncio.sleep(20)


async def _drains(world: World, users: Users) -> None:
    world.engine.images.update(world.engine.pullable)
    await create_service(world.store, spec())
    await asyncio.sleep(10 - world.loop.time())
    await users.make_node("drain", "a")
    await asyncio.sleep(20 - world.loop.time())
    await users.make_node("active", "a")
    await asyncio.sleep(10)


async def _waits_for_a_port(world: World, users: Users) -> None:
    world.engine.images.update(world.engine.pullable)
    world.weather.plans.extend([Habit(stop_s=0.5), Habit(stop_s=0.5)])
    port = {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 80, "PublishMode": "host"}
    for name in ("web", "other"):
        await create_service(
            world.store, {**spec(EndpointSpec={"Mode": "vip", "Ports": [port]}), "Name": name}
        )
        await asyncio.sleep(1)
    await asyncio.sleep(10 - world.loop.time())
    await services.remove(world.store, "web")
    await asyncio.sleep(5)


DEAF = Habit(stop_s=1000.0)
FAILS = Habit(ends_s=1.0, code=1)
TEMPLATE_OF_DEAF = {"ContainerSpec": {"Image": "app:0", "StopGracePeriod": 100 * SECOND}}

PATIENT = {
    "ContainerSpec": {"Image": "app:1", "Healthcheck": {"StartPeriod": 1000 * SECOND}},
}

STORIES: dict[str, Script] = {
    "pulled and probed": _pulls,
    "restarted after the delay": story(spec(), until=20, plans=(Habit(ends_s=3.0, code=1),)),
    "no more than max attempts": story(
        spec(template={"RestartPolicy": {"MaxAttempts": 1, "Delay": SECOND}}),
        until=30,
        plans=(FAILS, FAILS),
    ),
    "stop-first, one after the other": story(
        spec(replicas=2),
        (10, spec(image=2, replicas=2, UpdateConfig=config(Delay=3 * SECOND))),
        until=40,
    ),
    "start-first, both at once": story(
        spec(replicas=2),
        (10, spec(image=1, replicas=2, UpdateConfig=config(Parallelism=0, Order="start-first"))),
        until=40,
    ),
    "rolled back": story(
        spec(),
        (10, spec(image=2, UpdateConfig=config(FailureAction="rollback"))),
        until=40,
        plans=(Habit(), FAILS),
    ),
    "the predecessor is deaf": story(
        spec(template=TEMPLATE_OF_DEAF), (10, spec(image=2)), until=130, plans=(DEAF,)
    ),
    "never ready within the deadline": story(
        spec(),
        (10, spec(template=PATIENT, Labels={"skerry.update.deadline": "30s"}, UpdateConfig=config())),
        until=60,
        plans=(Habit(), Habit(ready_s=1000.0)),
    ),
    "unhealthy when the patience ends": story(
        spec(template={"ContainerSpec": {"Image": "app:1"}, "RestartPolicy": {"Condition": "none"}}),
        until=30,
        plans=(Habit(ready_s=1000.0),),
    ),
    "a crash loop waits longer and longer": story(
        spec(template={"RestartPolicy": {"Delay": SECOND}}), until=60, plans=(Habit(ends_s=0.0, code=1),) * 9
    ),
    "the node is drained": _drains,
    "a port gets free": _waits_for_a_port,
    "a job": story(
        {**spec(), "Mode": {"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 3}}},
        until=30,
        plans=(Habit(ends_s=3.0),) * 3,
    ),
}

EXPECTED: dict[str, str] = {
    "pulled and probed": """
          0.000 web.1#1 made assigned/running
          3.650 web.1#1 running
    """,
    "restarted after the delay": """
          0.000 web.1#1 made assigned/running
          0.400 web.1#1 running
          3.400 web.1#1 failed
          3.400 web.1#1 to be shutdown
          3.400 web.1#2 made assigned/ready
          3.500 web.1#2 ready
          8.400 web.1#2 to be running
          8.700 web.1#2 running
    """,
    "no more than max attempts": """
          0.000 web.1#1 made assigned/running
          0.400 web.1#1 running
          1.400 web.1#1 failed
          1.400 web.1#1 to be shutdown
          1.400 web.1#2 made assigned/ready
          1.500 web.1#2 ready
          2.400 web.1#2 to be running
          2.700 web.1#2 running
          3.700 web.1#2 failed
          3.700 web.1#2 to be shutdown
    """,
    "stop-first, one after the other": """
          0.000 web.1#1 made assigned/running
          0.000 web.2#1 made assigned/running
          0.400 web.1#1 running
          0.400 web.2#1 running
         10.000 web updating
         10.000 web.1#2 made assigned/ready
         10.100 web.1#2 ready
         10.100 web.1#1 to be shutdown
         10.600 web.1#1 shutdown
         10.600 web.1#2 to be running
         10.900 web.1#2 running
         13.900 web.2#2 made assigned/ready
         14.000 web.2#2 ready
         14.000 web.2#1 to be shutdown
         14.500 web.2#1 shutdown
         14.500 web.2#2 to be running
         14.800 web.2#2 running
         19.800 web completed
    """,
    "start-first, both at once": """
          0.000 web.1#1 made assigned/running
          0.000 web.2#1 made assigned/running
          0.400 web.1#1 running
          0.400 web.2#1 running
         10.000 web updating
         10.000 web.1#2 made assigned/running
         10.000 web.2#2 made assigned/running
         11.650 web.1#2 running
         11.650 web.2#2 running
         11.650 web.1#1 to be shutdown
         11.650 web.2#1 to be shutdown
         12.150 web.1#1 shutdown
         12.150 web.2#1 shutdown
         17.150 web completed
    """,
    "rolled back": """
          0.000 web.1#1 made assigned/running
          0.400 web.1#1 running
         10.000 web updating
         10.000 web.1#2 made assigned/ready
         10.100 web.1#2 ready
         10.100 web.1#1 to be shutdown
         10.100 web.1#1 shutdown
         10.100 web.1#2 to be running
         10.400 web.1#2 running
         11.400 web.1#2 failed
         11.400 web rollback_started
         11.400 web.1#2 to be shutdown
         11.400 web.1#3 made assigned/running
         11.800 web.1#3 running
         16.800 web rollback_completed
    """,
    "the predecessor is deaf": """
          0.000 web.1#1 made assigned/running
          0.400 web.1#1 running
         10.000 web updating
         10.000 web.1#2 made assigned/ready
         10.100 web.1#2 ready
         10.100 web.1#1 to be shutdown
         70.100 web.1#2 to be running
         70.400 web.1#2 running
        110.100 web.1#1 shutdown
        115.100 web completed
    """,
    "never ready within the deadline": """
          0.000 web.1#1 made assigned/running
          0.400 web.1#1 running
         10.000 web updating
         10.000 web.1#2 made assigned/ready
         10.100 web.1#2 ready
         10.100 web.1#1 to be shutdown
         10.100 web.1#1 shutdown
         10.100 web.1#2 to be running
         40.000 web paused
    """,
    "unhealthy when the patience ends": """
          0.000 web.1#1 made assigned/running
         15.450 web.1#1 failed
         15.450 web.1#1 to be shutdown
    """,
    "a crash loop waits longer and longer": """
          0.000 web.1#1 made assigned/running
          0.400 web.1#1 failed
          0.400 web.1#1 to be shutdown
          0.400 web.1#2 made assigned/ready
          0.500 web.1#2 ready
          1.400 web.1#2 to be running
          1.700 web.1#2 failed
          1.700 web.1#2 to be shutdown
          1.700 web.1#3 made assigned/ready
          1.800 web.1#3 ready
          2.700 web.1#3 to be running
          3.000 web.1#3 failed
          3.000 web.1#3 to be shutdown
          3.000 web.1#4 made assigned/ready
          3.100 web.1#4 ready
          4.000 web.1#4 to be running
          4.300 web.1#4 failed
          4.300 web.1#4 to be shutdown
          4.300 web.1#5 made assigned/ready
          4.400 web.1#5 ready
          5.300 web.1#5 to be running
          5.600 web.1#5 failed
          5.600 web.1#5 to be shutdown
          5.600 web.1#6 made assigned/ready
          5.700 web.1#6 ready
          6.600 web.1#6 to be running
          6.900 web.1#6 failed
          6.900 web.1#6 to be shutdown
          6.900 web.1#7 made assigned/ready
          7.000 web.1#7 ready
          8.900 web.1#7 to be running
          9.200 web.1#7 failed
          9.200 web.1#7 to be shutdown
          9.200 web.1#8 made assigned/ready
          9.300 web.1#8 ready
         13.200 web.1#8 to be running
         13.500 web.1#8 failed
         13.500 web.1#8 to be shutdown
         13.500 web.1#9 made assigned/ready
         13.600 web.1#9 ready
         21.500 web.1#9 to be running
         21.800 web.1#9 failed
         21.800 web.1#9 to be shutdown
         21.800 web.1#10 made assigned/ready
         21.900 web.1#10 ready
         37.800 web.1#10 to be running
         38.100 web.1#10 running
    """,
    "the node is drained": """
          0.000 web.1#1 made assigned/running
          0.400 web.1#1 running
         10.000 web.1#1 to be shutdown
         10.000 web.1#2 made pending/ready
         10.500 web.1#1 shutdown
         10.500 web.1#2 to be running
         20.000 web.1#2 assigned
         20.400 web.1#2 running
    """,
    "a port gets free": """
          0.000 web.1#1 made pending/running
          0.020 web.1#1 assigned
          0.420 web.1#1 running
          1.000 other.1#1 made pending/running
         10.000 web.1#1 to be remove
         10.710 web.1#1 shutdown
         10.710 other.1#1 assigned
         11.110 other.1#1 running
    """,
    "a job": """
          0.000 web.0#1 made assigned/complete
          0.000 web.1#1 made assigned/complete
          0.400 web.0#1 running
          0.400 web.1#1 running
          3.400 web.0#1 complete
          3.400 web.1#1 complete
          3.400 web.2#1 made assigned/complete
          3.800 web.2#1 running
          6.800 web.2#1 complete
    """,
}


def told(events: list[Event]) -> list[str]:
    """Events as they are written above; those of one instant, by their words: IDs decide which is first."""
    return sorted((f"{at:.3f} {words}" for at, words in events), key=_instant)


def _instant(line: str) -> tuple[float, str]:
    at, _, words = line.partition(" ")
    return float(at), words


@pytest.mark.parametrize("name", STORIES)
def test_everything_happens_at_its_instant(name: str) -> None:
    expected = sorted((line.strip() for line in EXPECTED[name].strip().splitlines()), key=_instant)
    assert told(timeline(STORIES[name])) == expected
