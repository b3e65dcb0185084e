"""Who reaches what, through real rules in real namespaces."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import msgspec
import pytest

from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.traffic import Backend, Former, PublishedPort, Traffic
from tests.network.conftest import Started
from tests.network.lab import BLUE, MACHINE, OUTSIDE, RED, Http, Lab, get, sh, silent
from tests.network.town import ONE, TWO, VIP, everyone_is_served, traffic

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

GONE = "10.0.1.9"
"""The address of a task that is gone."""


async def hears(private: socket.socket, namespace: str) -> bool:
    """Whether a datagram from a namespace to 127.0.0.1:9000 arrives."""
    with inside(RUN_NETNS / namespace, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        sender.sendto(b"!", ("127.0.0.1", 9000))
    try:
        async with asyncio.timeout(1.5):
            await asyncio.get_running_loop().sock_recv(private, 10)
    except TimeoutError:
        return False
    return True


def test_vips_and_published_ports(town: Lab, started: Started) -> None:
    async def body() -> None:
        async with started(RED, BLUE) as network:
            reservations = await network.apply(traffic(ONE, TWO))
            assert reservations.reserved == {"tcp/80", "udp/53"}
            await everyone_is_served(town)

    town.run(body)


def test_without_the_global_bridge_sysctl(town: Lab, started: Started) -> None:
    async def body() -> None:
        sh("sysctl -qw net.bridge.bridge-nf-call-iptables=0")
        async with started(RED, BLUE) as network:
            await network.apply(traffic(ONE, TWO))
            await everyone_is_served(town)

    town.run(body)


def test_input_policy_drop(town: Lab, started: Started) -> None:
    """A host firewall that lets in nothing: only `::1` and loopback answer from the host itself."""

    async def body() -> None:
        sh("iptables -P INPUT DROP && iptables -A INPUT -i lo -j ACCEPT")
        sh("iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT")
        async with started(RED, BLUE) as network:
            await network.apply(traffic(ONE, TWO))
            await everyone_is_served(town)
            await network.apply(traffic())
            held = [
                asyncio.create_task(get(who, address, port, timeout_s=30))
                for who, address, port in (
                    (f"{town.tag}-one", VIP, 8080),
                    (town.outside, MACHINE, 80),
                    (f"{town.tag}-stranger", MACHINE, 80),
                )
            ]
            await asyncio.wait(held, timeout=0.2)
            await network.apply(traffic(TWO))
            assert {answer.split()[0] for answer in await asyncio.gather(*held)} == {"two"}

    town.run(body)


def test_nobody_else(town: Lab, started: Started) -> None:
    """No VIP, held VIP or task answers from outside or from another network, whatever the routes."""

    async def body() -> None:
        stranger = f"{town.tag}-stranger"
        async with started(RED, BLUE) as network:
            await network.apply(traffic(ONE, TWO))
            for who in (town.outside, stranger):
                for address in (VIP, "10.0.1.131", "10.0.1.2", RED.leg):
                    assert await silent(who, address, 8080), f"{who} reaches {address}"
                assert await silent(who, RED.leg, 53)
            sh(f"ip -n {stranger} route add 10.0.1.0/24 via {BLUE.leg}")
            for address in (VIP, "10.0.1.131", "10.0.1.2", RED.leg):
                assert await silent(stranger, address, 8080), f"by the gate's leg to {address}"

    town.run(body)


def test_frames_to_the_hosts_loopback(town: Lab, started: Started) -> None:
    """`route_localnet` on the bridge must not open 127.0.0.1 to containers; without our rule it does."""

    async def body() -> None:
        one = f"{town.tag}-one"
        sh(f"nsenter --net=/run/netns/{one} sysctl -qw net.ipv4.conf.eth0.route_localnet=1")
        sh(f"ip -n {one} route del local 127.0.0.0/8 dev lo table local")
        sh(f"ip -n {one} route del local 127.0.0.1 dev lo table local")
        sh(f"ip -n {one} route add 127.0.0.0/8 via {RED.gateway} src 10.0.1.2")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as private:
            private.bind(("127.0.0.1", 9000))
            private.setblocking(False)
            async with started(RED, BLUE) as network:
                assert await hears(private, one), "the trial itself does not work"
                await network.apply(traffic(ONE, TWO))
                assert not await hears(private, one)

    town.run(body)


def test_an_internal_network_serves_a_published_port(lab: Lab, started: Started) -> None:
    async def body() -> None:
        segment = type(RED)("red", "sk-red", RED.subnet, RED.gateway, RED.leg, internal=True)
        lab.bridge(segment)
        task = lab.container("one", segment, "10.0.1.2", gateway=False)
        lab.serve(task, "one")
        async with started(segment) as network:
            port = PublishedPort("tcp", 80, 8080, "s", VIP, (ONE,))
            await network.apply(Traffic((segment,), ports=(port,)))
            assert await get(lab.outside, MACHINE, 80) == f"one {RED.gateway}"

    lab.run(body)


def test_open_connections_outlive_a_new_table(town: Lab, started: Started) -> None:
    async def body() -> None:
        async with started(RED, BLUE) as network:
            await network.apply(traffic(ONE))
            http = await Http.open(town.outside, MACHINE, 80)
            first = await http.get()
            await network.apply(traffic(TWO))
            assert await http.get() == first == f"one {OUTSIDE}\n"
            assert (await get(town.outside, MACHINE, 80)).split()[0] == "two"
            http.close()

    town.run(body)


@pytest.mark.parametrize(
    ("client", "address", "port", "seen"),
    [
        ("outside", MACHINE, 53, OUTSIDE),
        ("machine", "127.0.0.1", 53, RED.gateway),
        ("machine", VIP, 5353, RED.gateway),
        ("machine", GONE, 5353, RED.gateway),
    ],
)
def test_udp_follows_the_backends(
    town: Lab, started: Started, client: str, address: str, port: int, seen: str
) -> None:
    """One client socket the whole time: its flow in conntrack must not stick to a former backend, or to where
    it went while there was none."""

    def served(*backends: Backend) -> Traffic:
        plain = traffic(*backends)
        first, *others = plain.services
        left = msgspec.structs.replace(first, former=(Former(GONE),))
        return msgspec.structs.replace(plain, services=(left, *others))

    async def body() -> None:
        place = RUN_NETNS / getattr(town, client)
        made = inside(place, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made.setblocking(False)
        loop = asyncio.get_running_loop()
        with made:

            async def ask() -> str:
                await loop.sock_sendto(made, b"?", (address, port))
                async with asyncio.timeout(20):
                    return (await loop.sock_recv(made, 100)).decode()

            async with started(RED, BLUE) as network:
                for _ in range(2):
                    await network.apply(served())
                    await loop.sock_sendto(made, b"?", (address, port))
                    await network.apply(served(ONE))
                    assert await ask() == f"one {seen}"
                for _ in range(3):
                    await network.apply(served(ONE, TWO))
                    assert await ask() == f"one {seen}", "it stays while its backend serves"
                    await network.apply(served(ONE))
                await network.apply(served(TWO))
                assert await ask() == f"two {seen}"

    town.run(body)


@pytest.mark.parametrize(
    "what",
    [
        "nft flush ruleset",
        "nft delete table ip {table}",
        "nft delete table ip {table}-flows",
        "iptables -F",
        "iptables -F FORWARD",
        "iptables -F SKERRY-FORWARD",
        "iptables -D FORWARD -j SKERRY-FORWARD",
        "iptables -D SKERRY-FORWARD -i sk-+ -m conntrack --ctstate DNAT -j ACCEPT",
    ],
)
def test_rules_that_somebody_takes_away_come_back_at_once(town: Lab, started: Started, what: str) -> None:
    async def body() -> None:
        async with started(RED, BLUE) as network:
            await network.apply(traffic(ONE))
            rules = "nft list tables ip | sort; iptables -S FORWARD; iptables -S SKERRY-FORWARD 2>&1 | sort"
            before = sh(rules)
            assert f"{network.table}-flows" in before
            sh(what.format(table=network.table))
            async with asyncio.timeout(30):
                while sh(rules) != before:
                    await asyncio.sleep(0.02)
            assert (await get(town.outside, MACHINE, 80)).split() == ["one", OUTSIDE]

    town.run(body)


@pytest.mark.parametrize("what", ["nft flush ruleset", "ip link del {bridge}"])
def test_what_somebody_takes_away_comes_back_while_the_gate_does_not_answer(
    town: Lab, started: Started, what: str
) -> None:
    """A change that waits for the gate keeps nobody from the rules and links that stand without it."""

    async def body() -> None:
        async with started(RED, BLUE) as network:
            await network.apply(traffic(ONE))
            rules = f"nft list table ip {network.table}-flows; nft list table ip {network.table}"
            assert network.gate.status is not None
            gate = network.gate.status.pid
            os.kill(gate, signal.SIGSTOP)
            try:
                waiting = asyncio.create_task(network.apply(traffic(ONE, TWO)))
                sh(what.format(bridge=RED.bridge))
                async with asyncio.timeout(15):
                    await network.faults([RED, BLUE])
                    await network.ensure_segment(RED)
                    while ONE.address not in sh(f"{{ {rules}; }} 2>&1"):
                        await asyncio.sleep(0.02)
                assert network.stands(RED)
                assert TWO.address not in sh(rules), "the gate does not know of it yet"
                assert not waiting.done()
            finally:
                os.kill(gate, signal.SIGCONT)
            await waiting
            assert TWO.address in sh(rules)

    town.run(body)


def test_a_flushed_ruleset_cuts_no_connection(town: Lab, started: Started) -> None:
    """A reset would come within a round trip of the first packet that is not translated."""

    async def body() -> None:
        async with started(RED, BLUE) as network:
            await network.apply(traffic(ONE))
            kept = [await Http.open(town.outside, MACHINE, 80) for _ in range(8)]
            for http in kept:
                await http.get()
            for _ in range(5):
                sh("nft flush ruleset")
                await asyncio.gather(*(http.get() for http in kept))
            for http in kept:
                assert http.answers == 6
                http.close()

    town.run(body)


def test_a_task_that_died_a_moment_ago_refuses_nobody(town: Lab, started: Started) -> None:
    """The kernel answers for its port, until skerry knows; the client's TCP knocks again."""

    async def body() -> None:
        async with started(RED, BLUE) as network:
            await network.apply(traffic(ONE))
            town.stop("one")
            callers = [(town.outside, MACHINE, 80), (f"{town.tag}-two", VIP, 8080), (town.machine, VIP, 8080)]
            asking = [asyncio.create_task(get(*caller, timeout_s=30)) for caller in callers]
            done, _ = await asyncio.wait(asking, timeout=0.3)
            assert not done
            await network.apply(traffic(TWO))
            assert {answer.split()[0] for answer in await asyncio.gather(*asking)} == {"two"}

    town.run(body)


def test_a_port_where_nobody_listens_is_refused_all_the_same(town: Lab, started: Started) -> None:
    async def body() -> None:
        async with started(RED, BLUE) as network:
            await network.apply(traffic(ONE))
            with pytest.raises(ConnectionRefusedError):
                await get(f"{town.tag}-two", VIP, 8079, timeout_s=30)

    town.run(body)
