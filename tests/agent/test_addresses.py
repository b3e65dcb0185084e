"""The address that a task was given is the one that its container gets, or it is given another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from skerry.model.objects import Attachment, Lease, Raw
from skerry.model.states import TaskState
from tests.agent.stage import NETWORK, Stage, new_task, stage
from tests.engine.fake import FakeEngine

NAME = "web.1.t1"


def played(body: Callable[[Stage, FakeEngine], Awaitable[None]]) -> None:
    """Run a test beside an agent that has no task yet."""

    async def main() -> None:
        engine = FakeEngine()
        await engine.create_network(
            {"Name": NETWORK.engine_name, "IPAM": {"Config": [{"Subnet": "10.0.1.0/24"}]}}
        )
        async with stage(engine) as here:
            await body(here, engine)

    asyncio.run(main())


async def stranger(engine: FakeEngine, name: str, address: str) -> None:
    """A container that somebody put on the network's bridge at the engine itself."""
    settings = {"IPAMConfig": {"IPv4Address": address}}
    body: Raw = {"Image": "box:1", "NetworkingConfig": {"EndpointsConfig": {NETWORK.engine_name: settings}}}
    await engine.create_container(name, body)
    await engine.start_container(name)


@pytest.mark.case("N11")
def test_the_container_gets_the_address_of_its_task() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        row = replace(
            new_task("t1", TaskState.RUNNING, {}), attachments=(Attachment(NETWORK.id, reserved="10.0.1.77"),)
        )
        await here.put(row)
        await here.until_state(TaskState.RUNNING)
        assert engine.boxes[NAME].networks == {NETWORK.engine_name: "10.0.1.77"}
        assert here.row().attachments == (Attachment(NETWORK.id, "10.0.1.77", "10.0.1.77"),)

    played(body)


def test_a_task_of_an_older_skerry_gets_its_address_before_its_container_is_made() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        await here.task()
        await here.until_state(TaskState.RUNNING)
        assert here.row().attachments == (Attachment(NETWORK.id, "10.0.1.2", "10.0.1.2"),)

    played(body)


@pytest.mark.case("N11")
@pytest.mark.parametrize("taken", [["10.0.1.2"], ["10.0.1.2", "10.0.1.3", "10.0.1.4"]])
def test_an_address_that_a_stranger_has_is_left_to_it(taken: list[str]) -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        for number, address in enumerate(taken):
            await stranger(engine, f"stranger{number}", address)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        free = f"10.0.1.{2 + len(taken)}"
        assert here.row().attachments == (Attachment(NETWORK.id, free, free),)
        assert here.row().status.container_id == engine.boxes[NAME].id

    played(body)


def test_a_task_that_gets_no_address_at_all_fails_in_words() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        await here.put(replace(NETWORK, subnet="10.0.1.0/29", leg="10.0.1.6"))
        for number in (2, 3):
            await here.put(Lease(f"c{number}.n", f"c{number}", NETWORK.id, f"10.0.1.{number}"))
        for number in (4, 5):
            await stranger(engine, f"stranger{number}", f"10.0.1.{number}")
        await here.task()
        status = await here.until_state(TaskState.FAILED)
        words = "starting container failed: network front (10.0.1.0/29) has no free address left"
        assert status.err == words

    played(body)


def test_a_task_that_is_to_stop_meanwhile_stops() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        await stranger(engine, "stranger", "10.0.1.2")
        here.traffic.joinable_now.clear()
        await here.task()
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)

    played(body)
