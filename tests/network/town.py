"""A machine, its containers and another host, as namespaces."""

from __future__ import annotations

import asyncio
import socket

import pytest

from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.traffic import Backend, PublishedPort, Traffic, VirtualService
from tests.network.lab import BLUE, MACHINE, OUTSIDE, RED, Lab, get, sh

VIP = "10.0.1.130"


ONE = Backend("one", "10.0.1.2")


TWO = Backend("two", "10.0.1.3")


def traffic(*backends: Backend) -> Traffic:
    return Traffic(
        segments=(RED, BLUE),
        services=(VirtualService("s", "red", VIP, backends), VirtualService("e", "red", "10.0.1.131")),
        ports=(
            PublishedPort("tcp", 80, 8080, "s", VIP, backends),
            PublishedPort("udp", 53, 5353, "s", VIP, backends),
        ),
    )


@pytest.fixture
def town(lab: Lab) -> Lab:
    """Two tasks on red, a stranger on blue, and an outside host with a route to every container."""
    lab.bridge(RED)
    lab.bridge(BLUE)
    lab.container("one", RED, "10.0.1.2")
    lab.container("two", RED, "10.0.1.3")
    lab.container("stranger", BLUE, "10.0.2.2")
    sh(f"ip -n {lab.outside} route add 10.0.0.0/8 via {MACHINE}")
    for name in ("one", "two"):
        lab.serve(f"{lab.tag}-{name}", name)
    return lab


async def ask_udp(namespace: str, address: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = inside(RUN_NETNS / namespace, lambda: socket.socket(family, socket.SOCK_DGRAM))
    made.setblocking(False)
    loop = asyncio.get_running_loop()
    with made:
        await loop.sock_sendto(made, b"?", (address, port))
        async with asyncio.timeout(20):
            return (await loop.sock_recv(made, 100)).decode()


async def everyone_is_served(town: Lab) -> None:
    """Every way to a VIP and to a published port that there is."""
    one, stranger = f"{town.tag}-one", f"{town.tag}-stranger"
    answers = [await get(one, VIP, 8080) for _ in range(2)]
    assert {answer.split()[0] for answer in answers} == {"one", "two"}
    assert "two 10.0.1.2" in answers  # the neighbour sees who asks; the task itself sees the gateway
    assert "one 10.0.1.1" in answers
    assert {(await get(town.machine, VIP, 8080)).split()[0] for _ in range(2)} == {"one", "two"}
    for _ in range(2):
        assert (await get(town.outside, MACHINE, 80)).split()[1] == OUTSIDE
        for address in ("127.0.0.1", MACHINE, "::1"):
            assert await get(town.machine, address, 80)
        for address in (MACHINE, "10.0.2.1"):
            assert await get(stranger, address, 80)
        for address in (MACHINE, "10.0.1.1"):
            assert await get(one, address, 80)
    assert (await ask_udp(town.outside, MACHINE, 53)).split()[1] == OUTSIDE
    assert await ask_udp(town.machine, "127.0.0.1", 53)
    assert await ask_udp(stranger, MACHINE, 53)
