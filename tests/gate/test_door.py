"""The API's socket in the gate's keeping: it waits for the next skerryd, and says so when that takes long."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from skerry.api.door.frontdoor import bind
from skerry.gate.doorkeeper import Doorkeeper
from skerry.gate.socket_passing import Inherited
from skerry.network.doorkeeper_link import DoorkeeperLink

pytestmark = [pytest.mark.case("B13"), pytest.mark.timeout(30)]

TICK_NS = 20_000_000
"""The times of files move on in ticks."""
REQUEST = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"


class Place:
    """A run directory with the API's socket; `serving` is what skerryd does with it."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.api = self.folder / "docker.sock"
        self.links: list[DoorkeeperLink] = []

    def door(self, away_s: float = 30, inherited: Inherited | None = None) -> Doorkeeper:
        """A gate's door, open."""
        door = Doorkeeper(self.folder / "gate.door", inherited or Inherited(), away_s)
        door.start()
        return door

    @asynccontextmanager
    async def serving(self, door: Doorkeeper) -> AsyncIterator[bool]:
        """A skerryd that answers `ok`; whether it has the socket of the one before it."""
        link = DoorkeeperLink(self.folder, self.api)
        self.links.append(link)
        await link.open()
        taken, listener = link.inherited is not None, link.inherited or bind(self.api, 0o660, "docker")

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"ok")
            writer.close()

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(asyncio.StreamReader(), answer)

        server = await asyncio.get_running_loop().create_server(protocol, sock=listener)
        link.keep(listener)
        await until(lambda: [item.key for item, _ in door.parcel()] == [link._key])
        try:
            yield taken
        finally:
            server.close()
            await link.close()

    async def ask(self) -> bytes:
        """What a client reads."""
        reader, writer = await asyncio.open_unix_connection(self.api)
        try:
            writer.write(REQUEST)
            return await reader.read(-1)
        finally:
            writer.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; the test's time-out bounds it."""
    while not condition():
        await asyncio.sleep(0.005)


def check(test: Callable[[Place], Awaitable[None]]) -> None:
    """Run a test in a run directory of its own."""

    async def play() -> None:
        with tempfile.TemporaryDirectory(prefix="door-") as folder:
            await test(Place(folder))

    asyncio.run(play())


def test_a_call_between_two_skerryds_waits_for_the_next() -> None:
    async def test(place: Place) -> None:
        door = place.door()
        async with place.serving(door) as taken:
            assert not taken
            assert await place.ask() == b"ok"
            inode = place.api.stat().st_ino
        calls = [asyncio.create_task(place.ask()) for _ in range(50)]
        done, _ = await asyncio.wait(calls, timeout=0.05)
        assert not done
        async with place.serving(door) as taken:
            assert taken
            assert set(await asyncio.gather(*calls)) == {b"ok"}
        assert place.api.stat().st_ino == inode
        door.stop()

    check(test)


def test_a_gate_says_that_skerryd_is_away_until_it_is_back() -> None:
    async def test(place: Place) -> None:
        door = place.door(away_s=0.01)
        async with place.serving(door):
            pass
        answers = await asyncio.gather(*(place.ask() for _ in range(20)))
        assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers)
        assert all(b"`skerry status` says why" in answer for answer in answers)
        async with place.serving(door) as taken:
            assert taken
            assert [await place.ask() for _ in range(20)] == [b"ok"] * 20
        door.stop()

    check(test)


def test_a_gate_gives_the_socket_to_the_next_gate() -> None:
    async def test(place: Place) -> None:
        first = place.door()
        async with place.serving(first):
            second = place.door(inherited=Inherited([(item, os.dup(fd)) for item, fd in first.parcel()]))
            first.release()
            await until(lambda: len(second._present) == 1)
            assert await place.ask() == b"ok"
        async with place.serving(second) as taken:
            assert taken
        third = place.door(inherited=Inherited([(item, os.dup(fd)) for item, fd in second.parcel()]))
        second.release()
        async with place.serving(third) as taken:
            assert taken, "a gate was replaced while no skerryd ran"
        third.stop()
        assert not (place.folder / "gate.door").exists()

    check(test)


def test_a_gate_that_was_killed_is_given_the_socket_again() -> None:
    async def test(place: Place) -> None:
        first = place.door()
        async with place.serving(first):
            first.stop()
            second = place.door()
            await until(lambda: bool(second.parcel()))
        call = asyncio.create_task(place.ask())
        async with place.serving(second) as taken:
            assert taken
            assert await call == b"ok"
        second.stop()

    check(test)


@pytest.mark.parametrize("replaced", [True, False])
def test_a_socket_without_its_file_is_not_served(replaced: bool) -> None:
    async def test(place: Place) -> None:
        door = place.door()
        async with place.serving(door):
            pass
        made = place.api.stat().st_mtime_ns
        await until(lambda: time.time_ns() > made + TICK_NS)
        place.api.unlink()
        if replaced:
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(os.fspath(place.api))
        async with place.serving(door) as taken:
            assert not taken
            assert await place.ask() == b"ok"
        async with place.serving(door) as taken:
            assert taken
        door.stop()

    check(test)


def test_a_gate_ends_while_skerryd_has_not_given_yet() -> None:
    async def test(place: Place) -> None:
        door = place.door()
        link = DoorkeeperLink(place.folder, place.api)
        await link.open()
        door.stop()
        async with asyncio.timeout(10):
            await asyncio.get_running_loop().shutdown_default_executor()
        await link.close()

    check(test)


def test_sockets_of_the_network_are_kept_with_it() -> None:
    """Whoever connects there waits too; one that is not served any more is closed."""

    async def test(place: Place) -> None:
        door = place.door()
        kept, dropped = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
        async with place.serving(door):
            link = place.links[-1]
            link.keep_remote({"tcp://a:1": kept, "tcp://b:2": dropped})
            await until(lambda: len(door.parcel()) == 3)
            link.keep_remote({"tcp://a:1": kept})
            await until(lambda: len(door.parcel()) == 2)
        address = kept.getsockname()
        gone = dropped.getsockname()
        kept.close()
        dropped.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*gone)
        reader, writer = await asyncio.open_connection(*address)
        async with place.serving(door) as taken:
            assert taken
            left = place.links[-1].inherit("tcp://a:1")
            assert left is not None
            assert place.links[-1].inherit("tcp://a:1") is None
            left.setblocking(False)
            client, _ = await asyncio.get_running_loop().sock_accept(left)
            client.sendall(b"at last")
            assert await reader.readexactly(7) == b"at last"
            for sock in (client, left):
                sock.close()
        writer.close()
        door.stop()

    check(test)


def test_a_gate_hangs_up_where_tls_is_expected() -> None:
    async def test(place: Place) -> None:
        door = place.door(away_s=0.01)
        with socket.create_server(("127.0.0.1", 0)) as kept:
            async with place.serving(door):
                place.links[-1].keep_remote({"tcp://a:1": kept})
                await until(lambda: len(door.parcel()) == 2)
            reader, writer = await asyncio.open_connection(*kept.getsockname())
            assert await reader.read(-1) == b""
            writer.close()
        assert (await place.ask()).startswith(b"HTTP/1.1 503 ")
        door.stop()

    check(test)


def test_without_a_gate_a_fresh_socket_is_bound() -> None:
    async def test(place: Place) -> None:
        link = DoorkeeperLink(place.folder, place.api)
        await link.open()
        assert link.inherited is None
        await link.close()

    check(test)
