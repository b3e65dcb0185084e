"""IPv6 in a machine, its containers and another host: each way that IPv4 has, and each that is shut."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import dns.message
import dns.rdatatype
import pytest
from msgspec.structs import replace

from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.defaults import SECOND
from skerry.model.drain import DrainRules
from skerry.model.traffic import Backend, Block, Client, Former, Name, PublishedPort, Traffic, VirtualService
from tests.network.conftest import Started
from tests.network.lab import BLUE, RED, Http, Lab, get, sh, silent
from tests.network.test_former import asked, asker, end
from tests.network.town import ask_udp

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

RED6 = replace(RED, six=Block("fd00:1::/64", "fd00:1::1", "fd00:1::ffff"))
BLUE6 = replace(BLUE, six=Block("fd00:2::/64", "fd00:2::1", "fd00:2::ffff"))
VIP, VIP4 = "fd00:1::fffe", "10.0.1.130"
ONE, TWO = Backend("one", "fd00:1::2"), Backend("two", "fd00:1::3")
MACHINE, OUTSIDE = "2001:db8::1", "2001:db8::9"
RULES = DrainRules(timeout=20 * SECOND)


def traffic(*backends: Backend, former: tuple[Former, ...] = (), internal: bool = False) -> Traffic:
    fours = tuple(replace(backend, address=f"10.0.1.{backend.address[-1]}") for backend in backends)
    return Traffic(
        segments=(replace(RED6, internal=internal), BLUE6),
        services=(
            VirtualService("s", "red", VIP4, fours),
            VirtualService("s", "red", VIP, backends, former=former),
        ),
        ports=(
            PublishedPort("tcp", 80, 8080, "s", VIP4, fours),
            PublishedPort("tcp", 80, 8080, "s", VIP, backends),
            PublishedPort("udp", 53, 5353, "s", VIP4, fours),
            PublishedPort("udp", 53, 5353, "s", VIP, backends),
        ),
        names=(Name("red", "web", (VIP4, VIP)),),
        clients=(Client("fd00:1::9", ("red",)),),
    )


@pytest.fixture
def town(lab: Lab) -> Lab:
    """Two tasks and a client on red, a stranger on blue, and an outside host with a route to all of them."""
    for host, device, address in ((lab.machine, "out0", MACHINE), (lab.outside, "eth0", OUTSIDE)):
        sh(f"ip -n {host} addr add {address}/64 dev {device} nodad")
    sh(f"ip -n {lab.outside} route add fd00::/16 via {MACHINE}")
    for segment in (RED6, BLUE6):
        lab.bridge(segment)
    for number, name in ((2, "one"), (3, "two"), (9, "client")):
        lab.container(name, RED6, f"10.0.1.{number}", six=f"fd00:1::{number}")
    lab.container("stranger", BLUE6, "10.0.2.2", six="fd00:2::2")
    for name in ("one", "two"):
        lab.serve(f"{lab.tag}-{name}", name)
    return lab


def place(town: Lab, name: str) -> str:
    return f"{town.tag}-{name}"


async def who(namespace: str, address: str, port: int = 8080) -> str:
    return (await get(namespace, address, port, timeout_s=30)).split()[0]


def test_every_way_to_a_vip_and_a_published_port(town: Lab, started: Started) -> None:
    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic(ONE, TWO))
            one, stranger = place(town, "one"), place(town, "stranger")
            answers = [await get(one, VIP, 8080) for _ in range(2)]
            assert set(answers) == {"two fd00:1::2", "one fd00:1::1"}, "itself by the gateway's address"
            assert {await who(town.machine, VIP) for _ in range(2)} == {"one", "two"}
            for _ in range(2):
                assert (await get(town.outside, MACHINE, 80)).split()[1] == OUTSIDE
                for client, address in ((town.machine, "::1"), (town.machine, MACHINE), (stranger, MACHINE)):
                    assert await get(client, address, 80)
                for address in (MACHINE, "fd00:1::1"):
                    assert await get(one, address, 80)
            assert (await ask_udp(town.outside, MACHINE, 53)).split()[1] == OUTSIDE
            assert await ask_udp(town.machine, MACHINE, 53)
            assert await ask_udp(stranger, MACHINE, 53)
            assert (await get(town.outside, "192.0.2.1", 80)).split()[1] == "192.0.2.9", "IPv4 beside it"

    town.run(play)


def test_other_networks_are_closed(town: Lab, started: Started) -> None:
    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic(ONE))
            for namespace in (town.outside, place(town, "stranger")):
                for address in (VIP, ONE.address, "fd00:1::ffff"):
                    assert await silent(namespace, address, 8080), (namespace, address)
            assert await silent(place(town, "stranger"), "fd00:1::ffff", 53)
            assert await who(town.outside, MACHINE, 80) == "one"

    town.run(play)


def test_what_the_machines_firewall_drops_is_dropped(town: Lab, started: Started) -> None:
    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic(ONE))
            rule = "FORWARD -i out0 ! -s 2001:db8::77 -m conntrack --ctstate DNAT -j DROP"
            sh(f"ip netns exec {town.machine} ip6tables -P FORWARD DROP")
            assert await who(town.outside, MACHINE, 80) == "one", "whatever others forbid by default"
            sh(f"ip netns exec {town.machine} ip6tables -I {rule}")
            assert await silent(town.outside, MACHINE, 80)
            assert await who(place(town, "client"), VIP) == "one"

    town.run(play)


def test_an_internal_network_has_no_way_out_but_answers(town: Lab, started: Started) -> None:
    async def play() -> None:
        segment = replace(RED6, internal=True)
        async with started(segment, BLUE6) as network:
            await network.apply(traffic(ONE, TWO, internal=True))
            client = place(town, "client")
            assert {await who(client, VIP) for _ in range(2)} == {"one", "two"}
            for address in ("fd00:1::1", MACHINE, OUTSIDE, "fd00:2::1"):
                assert await silent(client, address, 80), address
            assert (await get(town.outside, MACHINE, 80)).split()[1] == "fd00:1::1"
            assert await who(town.machine, VIP) in ("one", "two")
            assert await ask(client, "web", "fd00:1::ffff") == VIP

    town.run(play)


@pytest.mark.parametrize("way", ["vip", "port", "former", "loopback"])
def test_who_comes_while_nobody_is_ready_is_held(town: Lab, started: Started, way: str) -> None:
    places = {
        "vip": (place(town, "client"), VIP, 8080),
        "port": (town.outside, MACHINE, 80),
        "former": (place(town, "client"), "fd00:1::8", 8080),
        "loopback": (town.machine, "::1", 80),
    }

    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            former = (Former("fd00:1::8"),)
            await network.apply(traffic(former=former))
            waiting = asyncio.create_task(who(*places[way]))
            assert not (await asyncio.wait([waiting], timeout=0.3))[0]
            await network.apply(traffic(TWO, former=former))
            assert await waiting == "two"

    town.run(play)


def test_a_drain_answers_what_is_in_flight_and_cuts_nothing_else(town: Lab, started: Started) -> None:
    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic(ONE))
            idle = await Http.open(place(town, "client"), VIP, 8080)
            busy = await Http.open(town.outside, MACHINE, 80)
            await idle.get()
            await busy.get()
            answer = asyncio.create_task(busy.get("/slow/1200"))
            await asyncio.wait({answer}, timeout=0.3)
            await network.apply(traffic(TWO, former=(Former(ONE.address, gone=False),)))
            pid = int(sh(f"ip netns pids {place(town, 'one')}").split()[0])
            drained = await network.drain(pid, None, RULES)
            assert (drained.open, drained.closed_idle) == (0, 2)
            assert (await answer).startswith("one")
            await network.forget([ONE.address])
            assert await who(place(town, "client"), VIP) == "two"

    town.run(play)


def test_a_client_that_goes_on_asking_while_its_task_is_drained_is_never_answered_wrongly(
    town: Lab, started: Started
) -> None:
    """Each request is answered, or its connection was reset before the task heard of it."""

    async def ask_on(counts: list[int]) -> None:
        http = await Http.open(place(town, "client"), VIP, 8080)
        while True:
            try:
                counts[0] += 1
                await http.get()
            except ConnectionError:
                counts[1] += 1
                http = await Http.open(place(town, "client"), VIP, 8080)

    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic(ONE))
            counts = [[0, 0] for _ in range(4)]
            asking = [asyncio.create_task(ask_on(count)) for count in counts]
            await asyncio.wait(asking, timeout=0.3)
            await network.apply(traffic(TWO, former=(Former(ONE.address, gone=False),)))
            pid = int(sh(f"ip netns pids {place(town, 'one')}").split()[0])
            assert (await network.drain(pid, None, RULES)).open == 0
            await asyncio.wait(asking, timeout=0.3)
            for task in asking:
                assert not task.done()
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            assert [count[1] for count in counts] == [1] * 4

    town.run(play)


def test_the_address_of_a_task_that_is_gone_leads_on_until_somebody_has_it(
    town: Lab, started: Started
) -> None:
    client = place(town, "client")

    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic(ONE, TWO))
            with asker(client, socket.AF_INET6) as made:
                assert await who(client, ONE.address) == "one"
                assert await asked(made, ONE.address) == "one"
                end(town, "one")
                await network.apply(traffic(TWO, former=(Former(ONE.address),)))
                for namespace in (client, town.machine, place(town, "two")):
                    assert await who(namespace, ONE.address) == "two"
                assert await asked(made, ONE.address) == "two"
                sh(f"ip -n {client} -6 neigh flush all")
                assert await who(client, ONE.address) == "two", "its hardware address is asked for anew"
                await network.apply(traffic(TWO))
                three = town.container("three", RED6, "10.0.1.2", six=ONE.address)
                pid = town.serve(three, "three")
                await network.lead_names(pid, RED.leg, "10.0.1.2")  # as for every container that starts
                assert await asked(made, ONE.address) == "three"
                assert await who(client, ONE.address) == "three"

    town.run(play)


def test_datagrams_from_before_there_was_anybody_find_who_comes(town: Lab, started: Started) -> None:
    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic())
            with asker(town.outside, socket.AF_INET6) as made:
                await asyncio.get_running_loop().sock_sendto(made, b"?", (MACHINE, 53))
                await network.apply(traffic(ONE))
                assert await asked_at(made, MACHINE, 53) == "one"
                await network.apply(traffic(TWO))
                assert await asked_at(made, MACHINE, 53) == "two"

    town.run(play)


def test_names_are_asked_over_either_family(town: Lab, started: Started) -> None:
    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic(ONE))
            client = place(town, "client")
            assert await ask(client, "web", "fd00:1::ffff") == VIP
            assert await ask(client, "web", RED.leg) == VIP

    town.run(play)


def test_a_leg_that_was_taken_away_has_all_its_addresses_again(town: Lab, started: Started) -> None:
    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic())
            sh(f"ip -n {town.machine} link del sl-red")
            assert "gone" in (await network.faults([RED6]))["red"]
            await network.ensure_segment(RED6)
            assert not await network.faults([RED6])
            waiting = asyncio.create_task(who(place(town, "client"), VIP))
            assert not (await asyncio.wait([waiting], timeout=0.3))[0]
            await network.apply(traffic(ONE))
            assert await waiting == "one"

    town.run(play)


def test_a_network_that_has_it_no_more_leaves_nothing_of_it(town: Lab, started: Started) -> None:
    async def play() -> None:
        async with started(RED6, BLUE6) as network:
            await network.apply(traffic(ONE))
            table = f"ip6 {network.table}\n"
            assert table in sh(f"ip netns exec {town.machine} nft list tables")
            await network.apply(Traffic(segments=(RED,)))
            assert table not in sh(f"ip netns exec {town.machine} nft list tables")

    town.run(play)


async def asked_at(made: socket.socket, address: str, port: int) -> str:
    loop = asyncio.get_running_loop()
    for _ in range(20):
        await loop.sock_sendto(made, b"?", (address, port))
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                return (await loop.sock_recv(made, 100)).decode().split()[0]
    raise AssertionError("nobody answers")


async def ask(namespace: str, name: str, leg: str) -> str:
    """The IPv6 address of a name, as a leg of the gate's answers."""
    family = socket.AF_INET6 if ":" in leg else socket.AF_INET
    made = inside(RUN_NETNS / namespace, lambda: socket.socket(family, socket.SOCK_DGRAM))
    made.setblocking(False)
    query = dns.message.make_query(name, dns.rdatatype.AAAA)
    with made:
        await asyncio.get_running_loop().sock_sendto(made, query.to_wire(), (leg, 53))
        async with asyncio.timeout(20):
            answer = dns.message.from_wire(await asyncio.get_running_loop().sock_recv(made, 4096))
    return str(answer.answer[0][0])
