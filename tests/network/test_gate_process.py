"""The gate as a process in its own namespace: hold, names, ports, and its life apart from skerryd's."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from msgspec.structs import replace

from skerry.gate.shares import LIMITS
from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.traffic import (
    Backend,
    Client,
    Name,
    PortReservations,
    PublishedPort,
    Traffic,
    VirtualService,
)
from skerry.network.kernel import KernelNetwork
from tests.network.conftest import Started
from tests.network.lab import MACHINE, RED, Http, Lab, get, sh

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
        async with asyncio.timeout(60):
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
            held = [asyncio.create_task(get(*caller, timeout_s=60)) for caller in callers]
            done, _ = await asyncio.wait(held, timeout=0.3)
            assert not done
            await network.apply(traffic(ONE))
            assert {answer.split()[0] for answer in await asyncio.gather(*held)} == {"one"}

    street.run(body)


def test_a_hold_ends_with_a_reset(street: Lab, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(hold_s=0.2))
            with pytest.raises(ConnectionResetError):
                await get(f"{street.tag}-one", VIP, 8080)

    street.run(body)


@pytest.mark.case("N11")
@pytest.mark.parametrize("vip", ["10.0.1.200", "10.0.1.3", "10.0.1.253"])
def test_the_gate_answers_for_the_vips_that_there_are_and_for_no_other_address(
    street: Lab, started: Started, vip: str
) -> None:
    """An older skerry had the gate answer for the upper half of each subnet."""

    async def body() -> None:
        async with started(RED) as network:
            gate = network.namespace.name
            sh(f"ip -n {gate} route add local 10.0.1.128/25 dev lo proto static table local")
            given = replace(traffic().services[0], vip=vip, hold_s=0.2)
            await network.apply(replace(traffic(), services=(given,)))
            routes = sh(f"ip -n {gate} route show table local type local proto static")
            assert [line.split()[1] for line in routes.splitlines()] == [vip]
            with pytest.raises(ConnectionResetError):
                await get(f"{street.tag}-one", vip, 8080)
            await network.apply(Traffic((RED,)))
            assert sh(f"ip -n {gate} route show table local type local proto static") == ""
            sh(f"ip -n {gate} route add local {vip} dev lo proto static table local")
            await network.faults([RED])
            assert sh(f"ip -n {gate} route show table local type local proto static") == ""

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
        told: asyncio.Queue[PortReservations] = asyncio.Queue()
        async with started(RED) as network:
            other = socket.create_server(("127.0.0.1", 80))
            network.on_reservations(told.put_nowait)
            reservations = await network.apply(traffic(ONE))
            assert reservations == PortReservations(frozenset(), {"tcp/80": "address already in use"})
            with other, pytest.raises(ConnectionRefusedError):
                await get(street.outside, MACHINE, 80)
            async with asyncio.timeout(60):
                assert await told.get() == PortReservations(frozenset({"tcp/80"}), {})
            assert await get(street.outside, MACHINE, 80)

    street.run(body)


def gate_pid(network: KernelNetwork) -> int:
    status = network.gate.status
    assert status
    return status.pid


def test_a_gate_that_dies_is_replaced_and_told(street: Lab, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic())
            former = gate_pid(network)
            os.kill(former, signal.SIGKILL)
            assert await network.apply(traffic(ONE)) == PortReservations(frozenset({"tcp/80"}), {})
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
                assert await successor.apply(traffic(ONE)) == PortReservations(frozenset({"tcp/80"}), {})

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


def test_only_root_on_the_machine_tells_the_gate_what_to_do(street: Lab, started: Started) -> None:
    """Its sockets are files of the machine: no network leads there, and no other user may open them."""

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(ONE))
            words = sh(f"tr '\\0' ' ' < /proc/{gate_pid(network)}/cmdline").split()
            folder = words[words.index("--run-dir") + 1]
            for name in ("gate.sock", "gate.hand", "gate.door"):
                assert sh(f"stat -c '%F %a %u' {folder}/{name}") == "socket 600 0\n"
            listening = sh(f"nsenter --net=/run/netns/{network.namespace.name} ss -Hltnu").splitlines()
            assert {line.split()[4].rpartition(":")[2] for line in listening} == {"9", "53"}

    street.run(body)


def test_purge_leaves_nothing(street: Lab, started: Started) -> None:
    async def body() -> None:
        ours = f"ip -o link | wc -l; ls /run/netns | grep {street.tag}"
        before = sh(ours)
        async with started(RED) as network:
            await network.apply(traffic(ONE))
            await network.drop_segment(RED)
            await network.drop_segment(RED)
        assert sh(ours) == before
        assert not network.namespace.exists()
        assert "skerry" not in sh("nft list tables")
        assert "sk-+" not in sh("iptables -S")

    street.run(body)


class Callers:
    """Clients in a loop, each kind on its own; what went wrong is in `failures`."""

    def __init__(self, street: Lab) -> None:
        self.street = street
        self.failures: list[str] = []
        self.served: dict[str, int] = {}
        self._stopped = False

    async def _loop(self, name: str, once: Callable[[], Awaitable[object]]) -> None:
        while not self._stopped:
            try:
                await once()
                self.served[name] = self.served.get(name, 0) + 1
            except (OSError, AssertionError) as error:
                self.failures.append(f"{name}: {error!r}")
            await asyncio.sleep(0.002)

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """All of them, from the first answers of each kind to some more of each after the block."""
        one, machine = f"{self.street.tag}-one", self.street.machine

        async def name() -> None:
            assert addresses(await resolve(one, "app")) == [VIP]

        async def name_by_stream() -> None:
            assert addresses(await resolve(one, "app", stream=True)) == [VIP]

        kinds: dict[str, Callable[[], Awaitable[object]]] = {
            "names": name,
            "names by stream": name_by_stream,
            "::1": partial(get, machine, "::1", 80, timeout_s=60),
        }
        works = [asyncio.create_task(self._loop(kind, once)) for kind, once in kinds.items()]
        await self.more(20)
        yield
        await self.more(20)
        self._stopped = True
        await asyncio.gather(*works)

    async def more(self, count: int) -> None:
        """Until each kind was served so often again."""
        before = dict(self.served)
        async with asyncio.timeout(60):
            while len(self.served) < 3 or any(
                self.served[kind] < before.get(kind, 0) + count for kind in self.served
            ):
                await asyncio.sleep(0.01)


async def upgrade(network: KernelNetwork) -> None:
    """As a skerryd of another version does it."""
    await network.detach()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skerry.network.gatelink.__version__", "9.9.9")
        await network.start()


def test_a_gate_is_replaced_and_nobody_notices(street: Lab, started: Started) -> None:
    async def body() -> None:
        callers = Callers(street)
        async with started(RED) as network:
            await network.apply(traffic(ONE))
            pids = {gate_pid(network)}
            streaming = await Http.open(street.machine, "::1", 80)
            answer = asyncio.create_task(streaming.get("/stream/30/100", timeout_s=30))
            async with callers.calling():
                for _ in range(4):
                    await upgrade(network)
                    pids.add(gate_pid(network))
                    await callers.more(5)
            assert callers.failures == []
            assert len(pids) == 5
            assert (await answer).count("abc") == 30, "the gate that was replaced first lingers for it"
            streaming.close()
            await until_gone(pids - {gate_pid(network)})

    street.run(body)


def test_held_connections_go_over_to_the_next_gate(street: Lab, started: Started) -> None:
    async def body() -> None:
        one = f"{street.tag}-one"
        callers = [(one, VIP, 8080), (street.outside, MACHINE, 80), (street.machine, "::1", 80)]
        async with started(RED) as network:
            await network.apply(traffic())
            former = gate_pid(network)
            held = [asyncio.create_task(get(*caller, timeout_s=60)) for caller in callers for _ in range(30)]
            await asyncio.wait(held, timeout=0.5)
            await upgrade(network)
            await until_gone({former})
            assert not any(task.done() for task in held)
            await network.apply(traffic(ONE))
            assert {answer.split()[0] for answer in await asyncio.gather(*held)} == {"one"}

    street.run(body)


async def until_copied() -> None:
    """This process, which is skerryd's here, holds what the gate listens on: port 80, the hold, and names."""
    wanted = {(socket.SOCK_STREAM, 80), (socket.SOCK_STREAM, 9)}
    wanted |= {(socket.SOCK_STREAM, 53), (socket.SOCK_DGRAM, 53)}
    async with asyncio.timeout(60):
        while not wanted <= bound():
            await asyncio.sleep(0.01)


def bound() -> set[tuple[int, int]]:
    """Kind and port of each socket of this process."""
    places = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it is none
            known = socket.socket(fileno=int(entry.name))
            try:
                if known.family in (socket.AF_INET, socket.AF_INET6):
                    places.add((int(known.type), int(known.getsockname()[1])))
            finally:
                known.detach()
    return places


async def until_gone(pids: set[int]) -> None:
    async with asyncio.timeout(60):
        while any(os.path.exists(f"/proc/{pid}") for pid in pids):  # noqa: ASYNC240, PTH110
            await asyncio.sleep(0.02)


def test_a_gate_that_is_killed_closes_no_port(street: Lab, started: Started) -> None:
    """What it had in its hands is lost; who comes afterwards waits for the next one."""

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(ONE))
            await until_copied()
            for _ in range(3):
                former = gate_pid(network)
                os.kill(former, signal.SIGKILL)
                await until_gone({former})
                asked = [resolve(f"{street.tag}-one", "app") for _ in range(20)]
                called = [get(street.machine, "::1", 80, timeout_s=60) for _ in range(20)]
                assert {tuple(addresses(one)) for one in await asyncio.gather(*asked)} == {(VIP,)}
                assert all(await asyncio.gather(*called))
                await until_copied()
            await network.apply(Traffic(segments=(RED,)))
            socket.create_server(("::", 80), family=socket.AF_INET6).close()  # nobody keeps the port

    street.run(body)


@pytest.mark.case("C12")
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "crowd", ["one client, 4,500", pytest.param("many clients, 4,000", marks=pytest.mark.slow)]
)
def test_what_is_held_for_one_service_slows_no_other(street: Lab, started: Started, crowd: str) -> None:
    """Names of a neighbour and its own held connections go on; who asks for more than a share is refused."""
    street.serve(street.container("two", RED, "10.0.1.3"), "two")
    one, two, other = f"{street.tag}-one", f"{street.tag}-two", "10.0.1.131"
    came, bound = (4500, LIMITS.client) if crowd.startswith("one") else (4000, 4000)
    # who comes by a published port has the machine's address at the gate, and may be anybody
    source, address, port = (one, VIP, 8080) if crowd.startswith("one") else (street.outside, MACHINE, 80)

    def wanted(*backends: Backend) -> Traffic:
        quiet = VirtualService("quiet", "red", other, backends, 60.0)
        return replace(traffic(hold_s=60.0), services=(*traffic(hold_s=60.0).services, quiet))

    async def body() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
        async with started(RED) as network:
            await network.apply(wanted())
            idle = await slowest_names(two)
            with ExitStack() as stack:
                for number in range(came):
                    call = stack.enter_context(from_namespace(source))
                    call.connect_ex((address, port))
                    if number % 200 == 0:
                        await asyncio.sleep(0.01)
                await until(network, lambda held: held >= bound)
                assert await slowest_names(two) < 10 * idle + 0.05
                await until(network, lambda held: held == bound)
                refusals = network.conditions.texts
                assert ["client 10.0.1.2 " in text for text in refusals] == [True] * (came > bound)
                answer = asyncio.create_task(get(two, other, 8080, timeout_s=30))
                await until(network, lambda held: held == bound + 1)
                await network.apply(wanted(Backend("two", "10.0.1.3")))
                assert (await answer).split()[0] == "two"
            await until(network, lambda held: held == 0)

    async def until(network: KernelNetwork, right: Callable[[int], bool]) -> None:
        """The gate says how many it holds in answer to a state."""
        async with asyncio.timeout(60):
            while True:
                await network.apply(wanted())
                assert network.gate.status
                if right(network.gate.status.held):
                    return
                await asyncio.sleep(0.1)

    async def slowest_names(namespace: str) -> float:
        """How long the slower ones of two seconds' questions take."""
        times = []
        for _ in range(40):
            start = time.monotonic()
            assert addresses(await resolve(namespace, "app")) == [VIP]
            times.append(time.monotonic() - start)
            await asyncio.sleep(0.05)
        return statistics.quantiles(times, n=10)[-1]

    street.run(body)


def from_namespace(name: str) -> socket.socket:
    """A socket of a namespace that waits for nothing."""
    return inside(
        RUN_NETNS / name, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    )
