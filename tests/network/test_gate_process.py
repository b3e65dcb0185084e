"""The gate as a process in its own namespace: hold, names, ports, and its life apart from skerryd's."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time

import dns.message
import dns.rcode
import pytest

from skerry.gate.netns import RUN_NETNS, inside
from skerry.model.traffic import Backend, Client, Name, PublishedPort, Traffic, VirtualService
from skerry.network.kernel import KernelNetwork, Reservations
from tests.network.conftest import Started
from tests.network.lab import MACHINE, RED, Lab, get, sh

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

VIP = "10.0.1.130"
ONE = Backend("one", "10.0.1.2")


def traffic(*backends: Backend, hold_s: float = 30.0) -> Traffic:
    return Traffic(
        segments=(RED,),
        services=(VirtualService("s", "red", VIP, backends, hold_s),),
        ports=(PublishedPort("tcp", 80, 8080, "s", VIP, backends, hold_s),),
        names=(Name("red", "app", (VIP,)),),
        clients=(Client("10.0.1.2", ("red",)),),
    )


@pytest.fixture
def street(lab: Lab) -> Lab:
    """One task on one network."""
    lab.bridge(RED)
    lab.serve(lab.container("one", RED, "10.0.1.2"), "one")
    return lab


async def resolve(namespace: str, name: str, stream: bool = False) -> dns.message.Message:
    """Ask the red leg from a namespace."""
    kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
    made = inside(RUN_NETNS / namespace, lambda: socket.socket(socket.AF_INET, kind))
    made.setblocking(False)
    loop = asyncio.get_running_loop()
    wire = dns.message.make_query(name, "A").to_wire()
    with made:
        async with asyncio.timeout(4):
            await loop.sock_connect(made, (RED.leg, 53))
            await loop.sock_sendall(made, len(wire).to_bytes(2, "big") + wire if stream else wire)
            answer = await loop.sock_recv(made, 4096)
    return dns.message.from_wire(answer[2:] if stream else answer)


def addresses(message: dns.message.Message) -> list[str]:
    return [item.to_text() for rrset in message.answer for item in rrset]


def test_held_connections_are_handed_over(street: Lab, started: Started) -> None:
    async def body() -> None:
        one = f"{street.tag}-one"
        callers = [(one, VIP, 8080), (street.machine, VIP, 8080), (street.outside, MACHINE, 80)]
        callers += [(street.machine, "127.0.0.1", 80), (street.machine, "::1", 80), (one, MACHINE, 80)]
        async with started(RED) as network:
            await network.apply(traffic())
            held = [asyncio.create_task(get(*caller, timeout_s=5)) for caller in callers]
            done, _ = await asyncio.wait(held, timeout=0.3)
            assert not done
            await network.apply(traffic(ONE))
            assert {answer.split()[0] for answer in await asyncio.gather(*held)} == {"one"}

    street.run(body)


def test_a_hold_ends_with_a_reset(street: Lab, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(hold_s=0.2))
            for address in (VIP, "10.0.1.177"):  # too long, and never heard of
                with pytest.raises(ConnectionResetError):
                    await get(f"{street.tag}-one", address, 8080)

    street.run(body)


@pytest.mark.parametrize("stream", [False, True])
def test_names(street: Lab, started: Started, stream: bool) -> None:
    async def body() -> None:
        one = f"{street.tag}-one"
        async with started(RED) as network:
            await network.apply(traffic(ONE))
            assert addresses(await resolve(one, "app", stream)) == [VIP]

    street.run(body)


def test_a_name_is_waited_for(street: Lab, started: Started) -> None:
    async def body() -> None:
        one = f"{street.tag}-one"
        deploying = Traffic((RED,), deploying=(("red", time.time() + 30),))
        async with started(RED) as network:
            await network.apply(deploying)
            question = asyncio.create_task(resolve(one, "app"))
            done, _ = await asyncio.wait({question}, timeout=0.3)
            assert not done
            await network.apply(traffic(ONE))
            assert addresses(await question) == [VIP]

    street.run(body)


def test_a_port_that_another_program_holds(street: Lab, started: Started) -> None:
    """Its connections are not ours; when it lets go, the port is, and that is told."""

    async def body() -> None:
        told: asyncio.Queue[Reservations] = asyncio.Queue()
        async with started(RED) as network:
            other = socket.create_server(("127.0.0.1", 80))
            network.on_reservations(told.put_nowait)
            reservations = await network.apply(traffic(ONE))
            assert reservations == Reservations(frozenset(), {"tcp/80": "address already in use"})
            with other, pytest.raises(ConnectionRefusedError):
                await get(street.outside, MACHINE, 80)
            async with asyncio.timeout(5):
                assert await told.get() == Reservations(frozenset({"tcp/80"}), {})
            assert await get(street.outside, MACHINE, 80)

    street.run(body)


def gate_pid(network: KernelNetwork) -> int:
    status = network.gate_status
    assert status
    return status.pid


def test_a_gate_that_dies_is_replaced_and_told(street: Lab, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic())
            former = gate_pid(network)
            os.kill(former, signal.SIGKILL)
            assert await network.apply(traffic(ONE)) == Reservations(frozenset({"tcp/80"}), {})
            assert gate_pid(network) != former
            assert addresses(await resolve(f"{street.tag}-one", "app")) == [VIP]
            assert await get(street.machine, "::1", 80)

    street.run(body)


def test_the_gate_outlives_skerryd(street: Lab, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(ONE))
            former = gate_pid(network)
            await network.detach()
            assert addresses(await resolve(f"{street.tag}-one", "app")) == [VIP]
            async with started(RED) as successor:
                assert gate_pid(successor) == former
                assert await get(street.outside, MACHINE, 80)
                assert await successor.apply(traffic(ONE)) == Reservations(frozenset({"tcp/80"}), {})

    street.run(body)


def test_after_a_reboot_everything_is_made_again(street: Lab, started: Started) -> None:
    """Namespace and rules gone under a living gate: the worst of it."""

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(ONE))
            former = gate_pid(network)
            await network.detach()
            sh(f"ip netns del {network.namespace.name} && nft flush ruleset")
            async with started(RED) as successor:
                assert gate_pid(successor) != former
                await successor.apply(traffic(ONE))
                assert await get(street.outside, MACHINE, 80)
                assert addresses(await resolve(f"{street.tag}-one", "app")) == [VIP]

    street.run(body)


def test_purge_leaves_nothing(street: Lab, started: Started) -> None:
    async def body() -> None:
        before = sh("ip -o link | wc -l; ls /run/netns")
        async with started(RED) as network:
            await network.apply(traffic(ONE))
            await network.drop_segment(RED)
            await network.drop_segment(RED)
        assert sh("ip -o link | wc -l; ls /run/netns") == before
        assert "skerry" not in sh("nft list tables")
        assert "sk-+" not in sh("iptables -S")

    street.run(body)
