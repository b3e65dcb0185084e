"""Where tasks served that leave or are gone: each kind of packet, by each way there is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.traffic import Backend, Former, Traffic, VirtualService
from tests.network.conftest import Started
from tests.network.lab import RED, Http, Lab, get, sh
from tests.network.town import ONE, TWO, VIP

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

OLD = ONE.address


def traffic(*backends: Backend, former: tuple[Former, ...] = ()) -> Traffic:
    return Traffic(segments=(RED,), services=(VirtualService("s", "red", VIP, backends, former=former),))


LEAVING = traffic(TWO, former=(Former(OLD, gone=False),))
GONE = traffic(TWO, former=(Former(OLD),))


def end(town: Lab, name: str) -> None:
    """A task's process ends, and the engine clears up."""
    town.stop(name)
    sh(f"ip netns del {town.tag}-{name}")


@contextmanager
def asker(namespace: str, family: int = socket.AF_INET) -> Iterator[socket.socket]:
    """A UDP socket that stays the same."""
    with closing(inside(RUN_NETNS / namespace, lambda: socket.socket(family, socket.SOCK_DGRAM))) as made:
        made.setblocking(False)
        yield made


async def asked(made: socket.socket, address: str) -> str:
    """Who answers, if need be at the second or third try."""
    loop = asyncio.get_running_loop()
    for _ in range(20):
        await loop.sock_sendto(made, b"?", (address, 5353))
        try:
            async with asyncio.timeout(1):
                return (await loop.sock_recv(made, 100)).decode().split()[0]
        except TimeoutError:
            continue
    raise AssertionError("nobody answers")


async def who(namespace: str, address: str = OLD) -> str:
    return (await get(namespace, address, 8080)).split()[0]


def test_new_connections_go_elsewhere_and_what_is_established_stays(town: Lab, started: Started) -> None:
    client = town.container("client", RED, "10.0.1.9")

    async def play() -> None:
        async with started(RED) as network:
            await network.apply(traffic(ONE, TWO))
            kept = await Http.open(client, OLD, 8080)
            assert (await kept.get()).split()[0] == "one"
            await network.apply(LEAVING)
            assert (await kept.get()).split()[0] == "one"
            for namespace in (client, town.machine, f"{town.tag}-two"):
                assert await who(namespace) == "two"
            kept.close()
            end(town, "one")
            await network.apply(GONE)
            for namespace in (client, town.machine, f"{town.tag}-two"):
                assert await who(namespace) == "two"
            sh(f"ip -n {client} neigh flush all")
            assert await who(client) == "two", "its hardware address is asked for anew"

    town.run(play)


def test_who_goes_to_a_task_that_died_a_moment_ago_is_not_refused(town: Lab, started: Started) -> None:
    """The kernel answers for its port until skerry knows; the client's TCP knocks again."""
    client = town.container("client", RED, "10.0.1.9")

    async def play() -> None:
        async with started(RED) as network:
            await network.apply(traffic(ONE, TWO))
            town.stop("one")
            asking = [
                asyncio.create_task(get(one, OLD, 8080, timeout_s=30)) for one in (client, town.machine)
            ]
            assert not (await asyncio.wait(asking, timeout=0.3))[0]
            await network.apply(LEAVING)
            assert {answer.split()[0] for answer in await asyncio.gather(*asking)} == {"two"}

    town.run(play)


def test_while_nobody_is_ready_who_comes_is_held(town: Lab, started: Started) -> None:
    client = town.container("client", RED, "10.0.1.9")

    async def play() -> None:
        async with started(RED) as network:
            for gone in (False, True):
                if gone:
                    end(town, "one")
                await network.apply(traffic(former=(Former(OLD, gone=gone),)))
                waiting = asyncio.create_task(who(client))
                assert not (await asyncio.wait([waiting], timeout=0.3))[0]
                await network.apply(traffic(TWO, former=(Former(OLD, gone=gone),)))
                assert await waiting == "two"

    town.run(play)


def test_datagrams_find_their_way_when_a_task_is_gone_and_when_another_has_its_address(
    town: Lab, started: Started
) -> None:
    client = town.container("client", RED, "10.0.1.9")

    async def play() -> None:
        async with started(RED) as network:
            with asker(client) as made:
                await network.apply(traffic(ONE, TWO))
                assert await asked(made, OLD) == "one"
                await network.apply(LEAVING)
                assert await asked(made, OLD) == "two", "as from the VIP of a backend that leaves"
                end(town, "one")
                await network.apply(GONE)
                assert await asked(made, OLD) == "two"
                await network.apply(traffic(TWO))
                pid = town.serve(town.container("three", RED, OLD), "three")
                await network.lead_names(pid, RED.leg, OLD)  # as for every container that starts
                assert await asked(made, OLD) == "three"
            assert await who(client) == "three"

    town.run(play)


def test_without_a_former_task_nobody_is_answered_for(town: Lab, started: Started) -> None:
    client = town.container("client", RED, "10.0.1.9")

    async def play() -> None:
        async with started(RED) as network:
            end(town, "one")
            await network.apply(GONE)
            assert await who(client) == "two"
            await network.apply(traffic(TWO))
            sh(f"ip -n {client} neigh flush all")
            with pytest.raises(OSError):
                await get(client, OLD, 8080, timeout_s=10)

    town.run(play)
