"""Events: told from commits, filtered as the engine does, merged with the engine's stream."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from skerry.api.eventfilter import passes as event_passes
from skerry.api.filters import Filters
from skerry.api.swarm_events import of_change
from skerry.control import configs, networks, services, swarm
from skerry.model.defaults import MILLISECOND
from skerry.model.drain import DrainOutcome
from skerry.model.objects import Endpoint, Network, Raw, Service, Task, TaskStatus, UpdateStatus
from skerry.model.states import TaskState
from skerry.store.store import Change
from tests.api.door import Door, check, until
from tests.control.swarm_of_one import INIT, World, create_service, spec
from tests.support.specs import of_service, of_task


def attributes(old: Service, new: Service) -> dict[str, str] | None:
    """What an update event says beside the name; None where there is no event."""
    found = of_change(Change(old, new), 1)
    if found is None:
        return None
    assert (found["Type"], found["Action"], found["scope"]) == ("service", "update", "swarm")
    return {key: value for key, value in found["Actor"]["Attributes"].items() if key != "name"}


def test_a_service_changes() -> None:
    old = Service(
        "s",
        "app",
        of_service(
            {"TaskTemplate": {"ContainerSpec": {"Image": "a:1"}}, "Mode": {"Replicated": {"Replicas": 1}}}
        ),
    )
    newer = {"TaskTemplate": {"ContainerSpec": {"Image": "a:2"}}, "Mode": {"Replicated": {"Replicas": 3}}}
    going = UpdateStatus("updating", "update in progress", 1)
    assert attributes(old, replace(old, spec=of_service(newer))) == {
        "image.old": "a:1",
        "image.new": "a:2",
        "replicas.old": "1",
        "replicas.new": "3",
    }
    assert attributes(old, replace(old, update=going)) == {"updatestate.new": "updating"}
    done = replace(going, state="completed")
    assert attributes(replace(old, update=going), replace(old, update=done)) == {
        "updatestate.old": "updating",
        "updatestate.new": "completed",
    }
    assert attributes(replace(old, update=done), old) == {}
    assert attributes(old, replace(old, endpoint=Endpoint({"Mode": "vip"}))) == {}
    assert attributes(old, replace(old, version=9)) is None


def test_a_removed_network_is_gone_once() -> None:
    there = Network("n", "net", {}, subnet="10.0.1.0/24")
    gone = replace(there, removed=True)
    found = of_change(Change(there, gone), 5)
    assert found is not None
    assert (found["Action"], found["Actor"]) == ("remove", {"ID": "n", "Attributes": {"name": "net"}})
    assert of_change(Change(gone, None), 6) is None


def test_tasks_and_the_cluster_are_silent() -> None:
    world = World()
    task = world.task(world.service())
    assert of_change(Change(None, task), 1) is None
    assert of_change(Change(None, world.view.cluster), 1) is None


def test_a_node_that_is_drained() -> None:
    world = World()
    node = world.view.node
    assert node is not None
    found = of_change(Change(node, replace(node, spec={**node.spec, "Availability": "drain"})), 1)
    assert found is not None
    assert found["Actor"]["Attributes"] == {
        "name": "vm",
        "availability.old": "active",
        "availability.new": "drain",
    }
    assert of_change(Change(node, replace(node, reserved=("tcp/80",))), 1) is None


SERVICE: Raw = {
    "Type": "service",
    "Action": "update",
    "Actor": {"ID": "s1", "Attributes": {"name": "app", "image.new": "a:2"}},
    "scope": "swarm",
}
CONTAINER: Raw = {
    "Type": "container",
    "Action": "health_status: healthy",
    "Actor": {"ID": "c1", "Attributes": {"name": "app.1.x", "image": "reg:5000/a:1", "com": "y"}},
    "scope": "local",
}


@pytest.mark.parametrize(
    ("event", "asked", "passes"),
    [
        (SERVICE, {}, True),
        (SERVICE, {"type": ["service"]}, True),
        (SERVICE, {"type": ["container", "service"]}, True),
        (SERVICE, {"type": ["node"]}, False),
        (SERVICE, {"scope": ["local"]}, False),
        (SERVICE, {"event": ["update"]}, True),
        (SERVICE, {"event": ["remove"]}, False),
        (SERVICE, {"service": ["app"]}, True),
        (SERVICE, {"service": ["s1"]}, True),
        (SERVICE, {"service": ["other"]}, False),
        (SERVICE, {"label": ["image.new=a:2"]}, True),
        (CONTAINER, {"event": ["health_status"]}, True),
        (CONTAINER, {"event": ["health_status: healthy"]}, True),
        (CONTAINER, {"event": ["health_status: unhealthy"]}, False),
        (CONTAINER, {"container": ["c"]}, True),
        (CONTAINER, {"image": ["reg:5000/a"]}, True),
        (CONTAINER, {"image": ["reg:5000/a:1"]}, True),
        (CONTAINER, {"image": ["reg"]}, False),
        (CONTAINER, {"label": ["com=y"]}, True),
        (CONTAINER, {"label": ["com=z"]}, False),
    ],
)
def test_filters(event: Raw, asked: dict[str, list[str]], passes: bool) -> None:
    assert event_passes(event, Filters(asked)) is passes


PAST = [
    {"Type": "container", "Action": "start", "Actor": {"ID": "c1"}, "scope": "local", "timeNano": 10**12 + 5},
]


async def make(door: Door) -> None:
    """A swarm, a config, and a service that is removed again."""
    await swarm.init(door.store, INIT, "vm", {})
    door.clock.now += 10
    await configs.create(door.store, {"Name": "conf", "Data": "YQ=="})
    key, _ = await create_service(door.store, spec())
    await services.remove(door.store, key)


def seen(data: bytes) -> list[str]:
    """The events of a stream, in short."""
    found: list[Any] = [msgspec.json.decode(line) for line in data.splitlines() if line.startswith(b"{")]
    return [f"{event['Type']} {event['Action']}" for event in found]


def test_the_past_is_told_in_the_order_of_time() -> None:
    body = b"".join(msgspec.json.encode(event) + b"\n" for event in PAST)

    async def test(door: Door) -> None:
        await make(door)
        door.clock.now += 1_000_000_000
        told = await door.ask("GET", "/v1.41/events?since=0&until=1000.9")
        assert told.status == 200
        assert seen(told.body) == ["container start", "config create", "service create", "service remove"]
        filtered = await door.ask(
            "GET", "/events?since=0&until=1000.9&filters=%7B%22type%22:%5B%22config%22%5D%7D"
        )
        assert seen(filtered.body) == ["config create"]

    check(test, {"GET /events": (200, body)})


def test_a_bad_instant_is_the_engines_error() -> None:
    async def test(door: Door) -> None:
        told = await door.ask("GET", "/events?since=zz")
        assert (told.status, told.json["message"]) == (500, 'strconv.ParseInt: parsing "zz": invalid syntax')

    check(test)


def test_both_streams_live() -> None:
    async def test(door: Door) -> None:
        await swarm.init(door.store, INIT, "vm", {})
        reader, writer = await door.connect()
        writer.write(b"GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        key = await networks.create(door.store, {"Name": "net", "Driver": "overlay"})
        assert b'"net"' in await reader.readuntil(b'"scope":"swarm"')
        await until(lambda: bool(door.engine.listeners))
        bridge = {"name": f"skerry.{key}", "type": "bridge"}
        door.engine.emit({"Type": "network", "Action": "connect", "Actor": {"ID": "f", "Attributes": bridge}})
        assert key.encode() in await reader.readuntil(b'"overlay"')
        writer.close()
        await until(lambda: not door.engine.open)

    check(test)


def test_health_becomes_an_event() -> None:
    container = {"Id": "c1", "Config": {"Labels": {"com.docker.swarm.task.id": "t"}}}

    async def test(door: Door) -> None:
        await swarm.init(door.store, INIT, "vm", {})
        status = TaskStatus(TaskState.RUNNING, 0, "", container_id="c1")
        task = Task("t", "s", "app", "n", of_task({}), None, 1, TaskState.RUNNING, status, slot=1)
        for listener in door.health.listeners:
            listener(task, "healthy")
        door.clock.now += 1
        asked = "/events?since=0&until=1000.9&filters=%7B%22event%22:%5B%22health_status%22%5D%7D"
        while not (found := seen((await door.ask("GET", asked)).body)):
            pass
        assert found == ["container health_status: healthy"]

    check(test, {"GET /containers/app.1.t/json": container, "GET /events": (200, b"")})


def test_a_task_that_was_stopped_while_it_served_is_an_event() -> None:
    before = Task(
        "t",
        "s",
        "web",
        "n",
        of_task({}),
        None,
        1,
        TaskState.SHUTDOWN,
        TaskStatus(TaskState.RUNNING, 1, "started"),
        1,
    )
    status = TaskStatus(TaskState.SHUTDOWN, 2, "shutdown", drain=DrainOutcome(1, 10_012 * MILLISECOND, 3))
    after = replace(before, status=status)
    found = of_change(Change(before, after), 5)
    assert found is not None
    assert (found["Type"], found["Action"], found["Actor"]["ID"]) == ("service", "drain", "s")
    words = "shutdown, drained in 10012 ms: 3 idle closed, 1 still open"
    assert found["Actor"]["Attributes"] == {"name": "web", "task": "web.1.t", "drain": words}
    assert of_change(Change(after, replace(after, version=9)), 5) is None
    quiet = replace(before, status=TaskStatus(TaskState.SHUTDOWN, 2, "shutdown"))
    assert of_change(Change(before, quiet), 5) is None
