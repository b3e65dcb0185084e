"""A task's own address, while nothing in the task listens yet: who goes by it is served all the same."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from tests.network.conftest import Started
from tests.network.lab import RED, Lab, get
from tests.network.town import ONE, TWO, ask_udp, traffic

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

DEAF = replace(ONE, unheard=True)


async def who(namespace: str) -> str:
    return (await get(namespace, ONE.address, 8080, timeout_s=30)).split()[0]


def callers(town: Lab) -> tuple[str, str]:
    """A container that is no task of the service, and the machine."""
    return town.container("client", RED, "10.0.1.9"), town.machine


def test_others_that_listen_serve_who_comes(town: Lab, started: Started) -> None:
    asking = callers(town)

    async def play() -> None:
        async with started(RED) as network:
            town.stop("one")
            await network.apply(traffic(DEAF, TWO))
            assert [await who(one) for one in asking] == ["two", "two"]
            town.serve(f"{town.tag}-one", "one")
            await network.apply(traffic(ONE, TWO))
            assert [await who(one) for one in asking] == ["one", "one"], "it listens"

    town.run(play)


def test_while_nobody_listens_who_comes_is_held(town: Lab, started: Started) -> None:
    asking = callers(town)

    async def play() -> None:
        async with started(RED) as network:
            town.stop("one")
            await network.apply(traffic(DEAF))
            waiting = [asyncio.create_task(who(one)) for one in asking]
            assert not (await asyncio.wait(waiting, timeout=0.3))[0]
            town.serve(f"{town.tag}-one", "one")
            await network.apply(traffic(ONE))
            assert await asyncio.gather(*waiting) == ["one", "one"]

    town.run(play)


def test_tasks_of_the_service_and_datagrams_meet_the_task_itself(town: Lab, started: Started) -> None:
    client, _ = callers(town)

    async def play() -> None:
        async with started(RED) as network:
            await network.apply(traffic(DEAF, TWO))
            assert await who(f"{town.tag}-two") == "one"
            assert (await ask_udp(client, ONE.address, 5353)).split()[0] == "one"

    town.run(play)


def test_the_gate_itself_comes_through(town: Lab, started: Started) -> None:
    """It hears a little earlier than the table who listens, and would come back to itself."""

    async def play() -> None:
        async with started(RED) as network:
            await network.apply(traffic(DEAF))
            assert await who(network.namespace.name) == "one"

    town.run(play)
