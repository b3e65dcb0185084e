"""The engine behind overlaid routes: kept connections, its pulse, engines that were restarted meanwhile."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from pathlib import Path

import pytest

import skerry.api
from skerry.api.upstream import Upstream
from skerry.engine.http import Wire
from skerry.engine.port import EngineUnreachable
from skerry.engine.pulse import Pulse


class Engine:
    """A socket that answers every request with its number, and ends the connection after `each` of them."""

    def __init__(self, path: Path, each: int = 1000) -> None:
        self._path, self._each = path, each
        self.connections = 0
        self.requests = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Engine:
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._server.close()

    def hang_up(self) -> None:
        """End every connection, as an engine does that dies."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            for _ in range(self._each):
                await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % self.requests)
            # the next request is read, and dies with the engine
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


async def test_what_may_be_asked_twice_goes_by_one_connection(tmp_path: Path) -> None:
    wire = Wire(str(tmp_path / "e"))
    upstream = Upstream(wire)
    async with Engine(tmp_path / "e") as engine:
        for number in range(1, 4):
            assert (await upstream.request("GET", "/_ping")).body == b"%d" % number
        assert engine.connections == 1
        await upstream.request("POST", "/containers/create")
        await upstream.request("POST", "/containers/create")
        assert engine.connections == 3
        await wire.close()


async def test_a_kept_connection_that_dies_costs_no_answer(tmp_path: Path) -> None:
    wire = Wire(str(tmp_path / "e"))
    upstream = Upstream(wire)
    async with Engine(tmp_path / "e", each=1) as engine:
        for number in range(1, 5):
            assert (await upstream.request("GET", "/info")).body == b"%d" % number
        assert engine.connections == 4
        await wire.close()


async def test_a_ping_holds_while_the_engine_lives(tmp_path: Path) -> None:
    wire = Wire(str(tmp_path / "e"))
    upstream, pulse = Upstream(wire), Pulse(str(tmp_path / "e"))

    async def ping() -> bytes:
        return (await pulse.ping("GET", lambda: upstream.request("GET", "/_ping"))).body

    with pytest.raises(EngineUnreachable):
        await ping()
    async with Engine(tmp_path / "e") as engine:
        assert await asyncio.gather(*(ping() for _ in range(3))) == [b"1", b"2", b"3"]
        assert [await ping() for _ in range(3)] == [b"3"] * 3
        engine.hang_up()
        async with asyncio.timeout(15):
            while await ping() == b"3":
                await asyncio.sleep(0)
        assert engine.requests == 4
    engine.hang_up()
    (tmp_path / "e").unlink()
    async with asyncio.timeout(15):
        with suppress(EngineUnreachable):
            while await ping():
                await asyncio.sleep(0)
    pulse.close()
    await wire.close()


SOCKETS = re.compile(r"ClientSession\(|UnixConnector\(|_unix_connection\(|AF_UNIX")


def test_only_the_engines_client_and_the_door_speak_to_the_engines_socket() -> None:
    source = Path(skerry.api.__file__).parent
    others = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if SOCKETS.search(path.read_text(encoding="utf-8"))
    }
    assert others == {
        "door/connection.py",  # the byte pipe
        "door/frontdoor.py",  # skerry's own socket
        "peer.py",  # who asks for a secret, or deploys a stack
    }
