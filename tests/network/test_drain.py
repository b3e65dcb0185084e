"""Draining a task under real traffic: nothing that is in flight is lost, what is idle does not keep it."""

from __future__ import annotations

import asyncio
import socket
import sys
from dataclasses import dataclass, field

import pytest

from skerry.linux.netns import RUN_NETNS, inside
from skerry.model.defaults import MILLISECOND, SECOND
from skerry.model.drain import DrainRules
from tests.network.conftest import Started
from tests.network.lab import MACHINE, RED, Http, connect, get, sh
from tests.network.pair import NEW, OLD, VIP, Pair, traffic

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]

LIMIT = DrainRules(40 * SECOND)


async def asking(http: Http) -> None:
    """Ask again and again."""
    while True:
        await http.get()


def test_a_task_without_connections(pair: Pair, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            drained = await network.drain(pair.pid, None, LIMIT)
            assert (drained.open, drained.closed_idle) == (0, 0)
            assert drained.waited < 500 * MILLISECOND

    pair.lab.run(body)


def test_an_idle_connection_is_closed_and_a_request_answered(pair: Pair, started: Started) -> None:
    """The slow request follows a quick answer at once, so that both bear the same tick."""

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            idle = await Http.open(pair.client, VIP, 8080)
            slow = await Http.open(pair.lab.outside, MACHINE, 80)
            await idle.get()
            for _ in range(20):
                await slow.get()
            answer = asyncio.create_task(slow.get("/slow/1800"))
            await asyncio.wait({answer}, timeout=1.2)
            await network.apply(traffic(NEW))
            drained = await network.drain(pair.pid, "10.0.1.2", LIMIT)
            assert answer.done()
            assert (await answer).startswith("old")
            assert (drained.open, drained.closed_idle) == (0, 2)
            with pytest.raises(ConnectionResetError):
                await idle.get()

    pair.lab.run(body)


@pytest.mark.parametrize("path", ["/stream/6/250", "/stream/40/20"])
def test_a_streamed_answer_is_finished(pair: Pair, started: Started, path: str) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            http = await Http.open(pair.lab.outside, MACHINE, 80)
            await http.get()
            answer = asyncio.create_task(http.get(path))
            await asyncio.wait({answer}, timeout=0.3)
            assert (await network.drain(pair.pid, None, LIMIT)).open == 0
            assert (await answer).count("abc") == int(path.split("/")[2])

    pair.lab.run(body)


def test_an_upload_in_pieces_is_finished(pair: Pair, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            http = await Http.open(pair.lab.outside, MACHINE, 80)
            await http.get()
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(http.socket, b"POST / HTTP/1.1\r\nContent-Length: 600\r\n\r\n")
            draining = asyncio.create_task(network.drain(pair.pid, None, LIMIT))
            for _ in range(6):
                await asyncio.wait({draining}, timeout=0.1)
                await loop.sock_sendall(http.socket, b"x" * 100)
            assert b"200 OK" in await loop.sock_recv(http.socket, 4096)
            assert (await draining).open == 0

    pair.lab.run(body)


def test_an_upload_outlives_drains_that_are_killed(pair: Pair, started: Started) -> None:
    """What a drain dropped that was killed is repeated later and later: the next drain must not drop that
    as well."""
    words = "import asyncio, sys; from skerry.model.drain import DrainRules; "
    words += "from skerry.network.drain import drain; "
    words += "print(flush=True); input(); asyncio.run(drain(int(sys.argv[1]), None, DrainRules()))"

    async def drainer() -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", words, str(pair.pid)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout
        await process.stdout.readline()
        return process

    async def upload() -> bytes:
        http = await Http.open(pair.lab.outside, MACHINE, 80)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(http.socket, b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0.06)
            await loop.sock_sendall(http.socket, b"x" * 100)
        return await loop.sock_recv(http.socket, 4096)

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            uploads = asyncio.gather(*(upload() for _ in range(8)))
            process = await drainer()
            for _ in range(24):
                await network.restore()  # as a skerryd does that comes after a killed one
                assert process.stdin
                process.stdin.write(b"\n")
                following = await drainer()
                if process.returncode is None:
                    process.kill()
                await process.wait()
                process = following
            process.kill()
            await process.wait()
            async with asyncio.timeout(30):
                assert all(b"200 OK" in answer for answer in await uploads)

    pair.lab.run(body)


def test_a_port_from_which_an_idle_connection_was_closed_finds_another_task(
    pair: Pair, started: Started
) -> None:
    """At once: the drain goes on meanwhile, for the sake of a slow answer."""

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            idle = await Http.open(pair.lab.outside, MACHINE, 80)
            port = idle.socket.getsockname()[1]
            assert (await idle.get()).startswith("old")
            slow = asyncio.create_task(get(pair.lab.outside, MACHINE, 80, "/slow/4000"))
            await asyncio.wait({slow}, timeout=0.1)
            await network.apply(traffic(NEW))
            draining = asyncio.create_task(network.drain(pair.pid, None, LIMIT))
            with pytest.raises(ConnectionResetError):
                await asking(idle)
            again = Http(await connect(pair.lab.outside, MACHINE, 80, own_port=port))
            assert (await again.get()).startswith("new")
            assert not draining.done()
            assert (await slow).startswith("old")
            assert (await draining).open == 0

    pair.lab.run(body)


def test_loopback_does_not_count_and_time_runs_out(pair: Pair, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            task = f"{pair.lab.tag}-old"
            check = await Http.open(task, "127.0.0.1", 8080)
            await check.get()
            drained = await network.drain(pair.pid, None, LIMIT)
            assert (drained.open, drained.closed_idle) == (0, 0)
            slow = await Http.open(pair.client, VIP, 8080)
            answer = asyncio.create_task(slow.get("/slow/3000"))
            await asyncio.wait({answer}, timeout=0.1)
            assert (await network.drain(pair.pid, None, DrainRules(200 * MILLISECOND))).open == 1
            assert await answer
            assert await slow.get(), "what the drain kept away flows again"
            assert await check.get()

    pair.lab.run(body)


def test_a_fresh_connection_gets_its_first_request_answered(pair: Pair, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            late = Http(await connect(pair.client, VIP, 8080))
            draining = asyncio.create_task(network.drain(pair.pid, None, LIMIT))
            await asyncio.wait({draining}, timeout=0.3)
            assert (await late.get()).startswith("old")
            assert (await draining).open == 0

    pair.lab.run(body)


def test_idle_connections_are_left_to_the_task(pair: Pair, started: Started) -> None:
    """A label asks for that: the drain waits for requests in flight and touches nothing."""

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            idle = await Http.open(pair.client, VIP, 8080)
            slow = await Http.open(pair.lab.outside, MACHINE, 80)
            await idle.get()
            answer = asyncio.create_task(slow.get("/slow/900"))
            await asyncio.wait({answer}, timeout=0.1)
            drained = await network.drain(pair.pid, None, DrainRules(40 * SECOND, idle="leave"))
            assert (drained.open, drained.closed_idle) == (0, 0)
            assert await answer
            assert (await idle.get()).startswith("old")

    pair.lab.run(body)


def test_connections_are_waited_for(pair: Pair, started: Started) -> None:
    """Another label: a protocol in which both sides speak ends its connections itself."""

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            idle = await Http.open(pair.client, VIP, 8080)
            await idle.get()
            draining = asyncio.create_task(
                network.drain(pair.pid, None, DrainRules(40 * SECOND, idle="wait"))
            )
            done, _ = await asyncio.wait({draining}, timeout=1.5)
            assert not done
            assert (await idle.get()).startswith("old")
            idle.close()
            assert (await draining).open == 0

    pair.lab.run(body)


def test_a_shorter_quiet_time_ends_a_pausing_stream_sooner(pair: Pair, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            http = await Http.open(pair.lab.outside, MACHINE, 80)
            answer = asyncio.create_task(http.get("/stream/6/700"))
            await asyncio.wait({answer}, timeout=0.3)
            drained = await network.drain(pair.pid, None, DrainRules(40 * SECOND, 300 * MILLISECOND))
            assert (drained.open, drained.closed_idle) == (0, 1)
            with pytest.raises(ConnectionResetError):
                await answer

    pair.lab.run(body)


@dataclass
class Load:
    """Keep-alive clients in a loop; a reset before the first byte on a reused connection is opened again."""

    namespace: str
    path: str
    served: int = 0
    reconnects: int = 0
    failures: list[str] = field(default_factory=list)
    stopped: bool = False

    async def client(self) -> None:
        http: Http | None = None
        while not self.stopped:
            try:
                http = http or await Http.open(self.namespace, MACHINE, 80)
                await http.get(self.path)
                self.served += 1
            except OSError as error:
                if http is None or not http.answers:
                    self.failures.append(repr(error))
                self.reconnects += 1
                if http:
                    http.close()
                http = None
        if http:
            http.close()

    async def one_shot(self) -> None:
        while not self.stopped:
            try:
                http = await Http.open(self.namespace, MACHINE, 80)
                await http.get(self.path)
                http.close()
            except OSError as error:
                self.failures.append(repr(error))


@pytest.mark.parametrize("path", ["/", "/slow/3", "/slow/150"])
def test_busy_connections_drain_and_lose_nothing(pair: Pair, started: Started, path: str) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            load = Load(pair.lab.outside, path)
            clients = [asyncio.create_task(load.client()) for _ in range(16)]
            clients += [asyncio.create_task(load.one_shot()) for _ in range(2)]
            await asyncio.wait(clients, timeout=0.5)
            await network.apply(traffic(NEW))
            drained = await network.drain(pair.pid, None, LIMIT)
            assert drained.open == 0
            pair.lab.stop("old")
            await asyncio.wait(clients, timeout=0.3)
            load.stopped = True
            await asyncio.gather(*clients)
            assert load.failures == []
            assert load.served > 32
            assert load.reconnects <= 16

    pair.lab.run(body)


def test_a_connection_that_the_old_task_never_answered_finds_the_new_one(
    pair: Pair, started: Started
) -> None:
    deaf = "add table ip t; add chain ip t in { type filter hook input priority 0; }; "
    deaf += "add rule ip t in tcp dport 8080 counter drop"

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            sh(f"nsenter --net=/run/netns/{pair.lab.tag}-old nft '{deaf}'")
            asking = asyncio.ensure_future(get(pair.client, VIP, 8080, timeout_s=30))
            async with asyncio.timeout(30):
                while "packets 0" in sh(f"nsenter --net=/run/netns/{pair.lab.tag}-old nft list table ip t"):
                    await asyncio.sleep(0.01)
            await network.apply(traffic(NEW))
            await network.drain(pair.pid, OLD.address, LIMIT)
            await network.forget([OLD.address])
            pair.lab.stop("old")
            assert (await asking).startswith("new ")

    pair.lab.run(body)


def test_flows_to_a_drained_task_are_forgotten_and_others_kept(pair: Pair, started: Started) -> None:
    def flows(task: str) -> int:
        listing = sh(
            f"nsenter --net=/run/netns/{pair.lab.machine} conntrack -L -p tcp --reply-src {task} 2>&1"
        )
        return listing.count("dport=8080 ")

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            for _ in range(20):
                assert await get(pair.client, VIP, 8080) == "old 10.0.1.9"
            await network.apply(traffic(NEW))
            kept = await Http.open(pair.client, VIP, 8080)
            asking = asyncio.ensure_future(kept.get("/slow/700"))
            assert (await network.drain(pair.pid, OLD.address, LIMIT)).open == 0
            assert flows(OLD.address) == 20
            await network.forget([OLD.address])
            assert (flows(OLD.address), flows(NEW.address)) == (0, 1)
            assert (await asking).startswith("new ")

    pair.lab.run(body)


def test_sockets_inside(pair: Pair) -> None:
    """A socket keeps the namespace that it was made in; the thread's own is gone with it."""
    made = inside(RUN_NETNS / pair.client, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    with made:
        made.bind(("10.0.1.9", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as here, pytest.raises(OSError, match="assign"):
        here.bind(("10.0.1.9", 0))
