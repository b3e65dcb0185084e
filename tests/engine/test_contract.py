"""What skerry relies on, asked of the fake engine and of a real one alike."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network

import pytest

from skerry.agent.seat import IN_USE
from skerry.core.kept_images import EngineImage
from skerry.engine.client import connect_engine
from skerry.engine.kept_images import containers_of, images_of
from skerry.engine.port import Engine, EngineError
from skerry.model.objects import Raw
from tests.engine.dockerd import dockerd
from tests.engine.fake import FakeEngine
from tests.sim.engine import MovedEngine
from tests.sim.loop import VirtualLoop
from tests.sim.weather import CALM, Habit, Weather

Check = Callable[[Engine], Awaitable[None]]
Run = Callable[[Check], None]


@pytest.fixture(scope="module")
def real_socket() -> Iterator[str]:
    with dockerd() as socket:
        yield socket


class Deaf(Weather):
    """Everything takes its time, and what runs does not hear a SIGTERM, as `sleep` does not."""

    def habit(self, job: bool = False) -> Habit:
        return Habit(stop_s=math.inf)


REAL = pytest.param("real", marks=[pytest.mark.engine, pytest.mark.timeout(90)])


@pytest.fixture(params=["fake", "moved", REAL])
def on_engine(request: pytest.FixtureRequest) -> Run:
    """Runs a check on an engine, and fails where it takes longer than 20 s.

    `moved` is the simulator's, in virtual time.
    """
    if request.param == "moved":
        return _on_moved_engine
    socket = request.getfixturevalue("real_socket") if request.param == "real" else ""

    async def bounded(check: Check) -> None:
        async with asyncio.timeout(120), _engine(socket) as engine:
            await check(engine)

    return lambda check: asyncio.run(bounded(check))


@asynccontextmanager
async def _engine(socket: str) -> AsyncIterator[Engine]:
    engine: Engine = await connect_engine(socket) if socket else FakeEngine()
    try:
        yield engine
    finally:
        await engine.close()


def _on_moved_engine(check: Check) -> None:
    loop = VirtualLoop()
    engine = MovedEngine(lambda: loop.now, Deaf(random.Random(1), CALM))
    try:
        loop.run_until_complete(asyncio.wait_for(check(engine), 240))
    finally:
        loop.close()


def body(*command: str, **more: object) -> dict[str, object]:
    return {"Image": "box:1", "Cmd": list(command), "Labels": {"part": "contract"}, **more}


async def exit_code(engine: Engine, container: str) -> int:
    """Wait until it has ended."""
    while True:
        seen = await engine.inspect_container(container)
        assert seen is not None
        if seen["State"]["Status"] == "exited":
            return int(seen["State"]["ExitCode"])
        await asyncio.sleep(0.02)


def test_a_container_is_created_started_waited_for_and_removed(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        made = await engine.create_container("life", body("sh", "-c", "exit 3"))
        seen = await engine.inspect_container("life")
        assert seen is not None
        assert (seen["Id"], seen["State"]["Status"], seen["State"]["Running"]) == (made, "created", False)
        await engine.start_container("life")
        assert await exit_code(engine, "life") == 3
        ended = await engine.inspect_container(made)
        assert ended is not None
        assert (ended["State"]["Status"], ended["State"]["ExitCode"]) == ("exited", 3)
        assert ended["Image"] == (await engine.inspect_image("box:1") or {})["Id"]
        await engine.remove_container("life")
        assert await engine.inspect_container("life") is None

    on_engine(check)


def test_what_is_already_so_is_success(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        made = await engine.create_container("twice", body("sleep", "1000"))
        assert await engine.create_container("twice", body("sleep", "1000")) == made
        await engine.stop_container("twice", 0)
        await engine.start_container("twice")
        await engine.start_container("twice")
        await engine.stop_container("twice", 0)
        await engine.stop_container("twice", 0)
        assert await exit_code(engine, "twice") == 137
        await engine.remove_container("twice")
        await engine.remove_container("twice")
        await engine.stop_container("twice", 0)

    on_engine(check)


def test_the_engines_own_words_come_back(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        with pytest.raises(EngineError, match="No such image: nosuch:1") as missing:
            await engine.create_container("never", {"Image": "nosuch:1"})
        assert missing.value.status == 404
        with pytest.raises(EngineError, match="No such container: never"):
            await engine.start_container("never")
        with pytest.raises(EngineError) as page:
            await engine.get("/nosuchpage")
        assert page.value.status == 404
        assert await engine.inspect_image("nosuch:1") is None
        with pytest.raises(EngineError):
            await engine.pull("nosuch.invalid/image:1")

    on_engine(check)


def test_a_tag_is_removed_and_what_is_in_use_stays(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        (box,) = await images_of(engine)
        await engine.post(f"/images/{box.id}/tag", repo="kept", tag="x")
        (both,) = await images_of(engine)
        assert both == EngineImage(box.id, frozenset({"box:1", "kept:x"}), both.digests)
        for _ in range(2):  # gone is success
            await engine.remove_image("kept:x")
        assert await images_of(engine) == [box]
        container = await engine.create_container("user", body("sleep", "1000"))
        with pytest.raises(EngineError) as used:
            await engine.remove_image("box:1")
        assert used.value.status == 409
        assert [row.image for row in await containers_of(engine) if row.id == container] == [box.id]
        await engine.remove_container("user")

    on_engine(check)


def test_a_command_runs_inside_and_ends_in_time(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        await engine.create_container("inside", body("sleep", "1000"))
        with pytest.raises(EngineError, match="is not running"):
            await engine.exec("inside", ["true"], 5)
        await engine.start_container("inside")
        done = await engine.exec("inside", ["sh", "-c", "echo hello; exit 7"], 5)
        assert (done.exit_code, done.output) == (7, "hello\n")
        assert (await engine.exec("inside", ["true"], 5)).exit_code == 0
        assert (await engine.exec("inside", ["sleep", "60"], 0.5)).exit_code == -1
        await engine.remove_container("inside")

    on_engine(check)


def test_events_are_heard_from_the_moment_of_subscribing(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        await engine.create_container("heard", body("sleep", "1000"))
        async with engine.events(type=["container"], event=["die", "destroy"], label=["part"]) as events:
            await engine.start_container("heard")
            await engine.stop_container("heard", 0)
            await engine.remove_container("heard")
            died, destroyed = await anext(events), await anext(events)
        assert (died["Action"], destroyed["Action"]) == ("die", "destroy")
        assert died["Actor"]["Attributes"]["exitCode"] == "137"
        assert died["Actor"]["Attributes"]["part"] == "contract"

    on_engine(check)


def test_networks_are_made_joined_and_left(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        first = await engine.create_network({"Name": "one", "Driver": "bridge"})
        assert await engine.create_network({"Name": "one", "Driver": "bridge"}) == first
        await engine.create_network({"Name": "two", "Driver": "bridge"})
        joined: Raw = {"EndpointsConfig": {"one": {}}}
        made = await engine.create_container("joined", body("sleep", "9", NetworkingConfig=joined))
        await engine.connect("two", made, {})
        await engine.connect("two", made, {})
        await engine.start_container(made)
        seen = await engine.inspect_container(made)
        assert seen is not None
        addresses = {name: at["IPAddress"] for name, at in seen["NetworkSettings"]["Networks"].items()}
        assert set(addresses) == {"one", "two"}
        assert all(addresses.values())
        with pytest.raises(EngineError) as busy:
            await engine.remove_network("one")
        assert busy.value.status == 403
        await engine.remove_container(made)
        for name in ("one", "two", "two"):
            await engine.remove_network(name)

    on_engine(check)


def test_an_address_is_held_as_long_as_a_container_runs(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        ipam = {"Config": [{"Subnet": "10.213.0.0/24", "IPRange": "10.213.0.0/25", "Gateway": "10.213.0.1"}]}
        await engine.create_network({"Name": "held", "Driver": "bridge", "IPAM": ipam})
        joined: Raw = {"EndpointsConfig": {"held": {}}}

        async def address(name: str) -> str:
            seen = await engine.inspect_container(name)
            assert seen is not None
            return str(seen["NetworkSettings"]["Networks"]["held"]["IPAddress"])

        for name in ("first", "second"):
            await engine.create_container(name, body("sleep", "1000", NetworkingConfig=joined))
            assert await address(name) == ""
            await engine.start_container(name)
        both = {await address("first"), await address("second")}
        assert len(both) == 2
        assert all(at in IPv4Network("10.213.0.0/25") for at in map(IPv4Address, both))
        await engine.stop_container("first", 0)
        assert await address("first") == ""
        await engine.remove_container("second")
        await engine.remove_network("held")  # a stopped container is in nobody's way
        with pytest.raises(EngineError, match="not found"):
            await engine.start_container("first")
        await engine.remove_container("first")

    on_engine(check)


def test_a_stop_goes_on_though_nobody_waits_for_it(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        await engine.create_container("deaf", body("sleep", "1000"))
        await engine.start_container("deaf")
        asked = asyncio.create_task(engine.stop_container("deaf", 1))
        await asyncio.sleep(0.3)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert await exit_code(engine, "deaf") == 137
        await engine.remove_container("deaf")

    on_engine(check)


def test_containers_are_listed_with_their_labels(on_engine: Run) -> None:
    async def check(engine: Engine) -> None:
        await engine.create_container("listed", body("sleep", "9"))
        await engine.create_container("other", {**body("sleep", "9"), "Labels": {"part": "another"}})
        contract = '{"label":["part=contract"]}'
        assert await engine.get_list("/containers/json", filters=contract) == []
        found = await engine.get_list("/containers/json", all="1", filters=contract)
        assert [(item["Names"], item["Labels"]["part"]) for item in found] == [(["/listed"], "contract")]
        assert found[0]["State"] == "created"
        await engine.start_container("listed")
        found = await engine.get_list("/containers/json", filters=contract)
        assert [item["State"] for item in found] == ["running"]
        await engine.remove_container("listed")
        await engine.remove_container("other")

    on_engine(check)


def test_an_address_that_is_named_is_given_whatever_the_range_and_to_one_container_only(
    on_engine: Run,
) -> None:
    """Also by networks that an older skerry made: they have the lower half of their subnet as their range."""

    async def check(engine: Engine) -> None:
        config = {"Subnet": "10.213.0.0/24", "IPRange": "10.213.0.0/25", "Gateway": "10.213.0.1"}
        await engine.create_network({"Name": "named", "Driver": "bridge", "IPAM": {"Config": [config]}})
        await engine.create_network({"Name": "other", "Driver": "bridge"})

        async def make(name: str, address: str) -> None:
            settings = {"IPAMConfig": {"IPv4Address": address}}
            joined: Raw = {"EndpointsConfig": {"other": {}}}
            await engine.create_container(name, body("sleep", "1000", NetworkingConfig=joined))
            await engine.connect("named", name, settings)

        for name, address in (("high", "10.213.0.200"), ("low", "10.213.0.9"), ("twice", "10.213.0.200")):
            await make(name, address)
        for name in ("high", "low"):
            await engine.start_container(name)
        with pytest.raises(EngineError, match=IN_USE):
            await engine.start_container("twice")
        seen = await engine.inspect_container("high")
        assert seen is not None
        assert seen["NetworkSettings"]["Networks"]["named"]["IPAddress"] == "10.213.0.200"
        await engine.stop_container("high", 0)
        await engine.start_container("twice")
        for name in ("high", "low", "twice"):
            await engine.remove_container(name)
        for name in ("named", "other"):
            await engine.remove_network(name)

    on_engine(check)
