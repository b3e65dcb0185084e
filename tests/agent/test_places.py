"""Where a task is reached: what changes while its container runs is in its row at once, and in the status."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from skerry.model.states import TaskState
from tests.agent.stage import NETWORK, Stage, stage
from tests.engine.fake import FakeEngine

NAME = "web.1.t1"


def played(body: Callable[[Stage, FakeEngine], Awaitable[None]], resync_s: float = 30) -> None:
    """Run a test beside an agent with a running task."""

    async def main() -> None:
        engine = FakeEngine()
        async with stage(engine, resync_s=resync_s) as here:
            await here.task()
            await here.until_state(TaskState.RUNNING)
            await body(here, engine)

    asyncio.run(main())


def address(here: Stage) -> str:
    """Where the task is reached, as its row says."""
    (one,) = here.row().attachments
    return one.address


@pytest.mark.case("E1")
def test_a_task_that_is_disconnected_has_no_address_until_it_is_connected_again() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        before = address(here)
        assert before
        engine.disconnect(NAME, NETWORK.engine_name)
        await here.until(lambda: not address(here))
        assert here.row().status.state == TaskState.RUNNING
        words = "no traffic on network front: its container was disconnected"
        assert here.row().status.err == words
        await here.until(lambda: bool(here.conditions.texts))
        assert here.conditions.texts[0].startswith(f"task {NAME}: {words}")
        engine.reconnect(NAME, NETWORK.engine_name)
        await here.until(lambda: bool(address(here)))
        await here.until(lambda: not here.conditions.texts)
        assert here.row().status.err == ""

    played(body)


@pytest.mark.case("E1")
def test_an_address_that_changed_unheard_is_found_by_the_next_look() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        engine.boxes[NAME].networks[NETWORK.engine_name] = "172.30.0.77"
        await here.until(lambda: address(here) == "172.30.0.77")

    played(body, resync_s=0.05)


@pytest.mark.case("E1")
def test_what_was_disconnected_while_nobody_listened_is_seen_at_the_start() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        await here.crash()
        engine.disconnect(NAME, NETWORK.engine_name)
        await here.start()
        await here.until(lambda: not address(here))

    played(body)


@pytest.mark.case("E1")
def test_a_task_that_ends_says_nothing_of_networks() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        engine.disconnect(NAME, NETWORK.engine_name)
        await here.until(lambda: bool(here.conditions.texts))
        engine.end(NAME, 3)
        status = await here.until_state(TaskState.FAILED)
        assert status.err == "task: non-zero exit (3)"
        await here.until(lambda: not here.conditions.texts)

    played(body)


@pytest.mark.case("E4")
def test_a_container_that_is_not_where_the_engine_believes_gets_no_traffic() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        before = address(here)
        here.traffic.moved[NETWORK.id] = "its link veth1 was moved to elsewhere"
        await here.until(lambda: not address(here))
        assert here.row().status.err == "no traffic on network front: its link veth1 was moved to elsewhere"
        here.traffic.moved.clear()
        await here.until(lambda: address(here) == before)
        assert here.row().status.err == ""

    played(body, resync_s=0.05)


@pytest.mark.case("H1")
def test_a_paused_container_gets_no_traffic_until_it_goes_on() -> None:
    async def body(here: Stage, engine: FakeEngine) -> None:
        before = address(here)
        engine.pause(NAME)
        await here.until(lambda: not address(here))
        assert here.row().status.err == "no traffic on network front: its container is paused"
        engine.pause(NAME, paused=False)
        await here.until(lambda: address(here) == before)
        assert here.row().status.err == ""

    played(body)
