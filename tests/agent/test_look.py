"""A look by socket finds what the program itself finds, server by server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from skerry.health.probe import HttpProbe, TcpProbe
from skerry.health.socket_probe import SocketResult, Unsure, probe_by_socket
from skerry.health.translate import translated
from skerry.model.defaults import MILLISECOND, SECOND
from tests.agent.listeners import Here

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
SAYS = {
    "fine": OK,
    "until the end": b"HTTP/1.0 200 OK\r\n\r\nyes",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n",
    "nothing to say": b"HTTP/1.1 204 No Content\r\n\r\n",
    "hints first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    "not there": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "broken": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
    "cut off": b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nyes",
    "silent": b"",
}


@asynccontextmanager
async def server(says: bytes, *, reset: bool = False, hangs: bool = False) -> AsyncIterator[int]:
    """An HTTP server that says always the same."""

    answering: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError):  # who connects may say nothing
                await answer(reader, writer)
        finally:
            writer.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if hangs:
            await reader.read()
        if reset:
            plug: socket.socket = writer.get_extra_info("socket")
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        head, end, body = says.rpartition(b"\r\n\r\n")
        writer.write(head + end if asked.startswith(b"HEAD") else head + end + body)
        await writer.drain()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.ensure_future(serve(reader, writer)))

    serving = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield serving.sockets[0].getsockname()[1]
    finally:
        serving.close()
        for one in answering:
            one.cancel()
        await asyncio.gather(*answering, return_exceptions=True)


async def exit_code(command: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return await process.wait()


async def both(words: str, port: int, busybox: bool = False) -> tuple[int | None, int]:
    """What a look finds (None: unsure), and what the program."""
    command = f"{words} http://127.0.0.1:{port}/".split()
    probe = translated(command)
    assert probe is not None
    try:
        found: int | None = (await probe_by_socket(probe, Here(busybox), 1, SECOND)).exit_code
    except Unsure:
        found = None
    return found, await exit_code(["busybox", *command] if busybox else command)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("words", ["curl -f", "curl -fsI", "wget -q --tries=1 --spider", "busybox"])
async def test_the_program_finds_the_same(says: str, words: str) -> None:
    async with server(SAYS[says]) as port:
        busybox = words == "busybox"
        found, real = await both("wget -q --spider" if busybox else words, port, busybox)
        assert found is None or found == real or (real and found and says in ("silent", "cut off"))


@pytest.mark.timeout(20)
async def test_refused_and_reset_and_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert await both("curl -f", port) == (7, 7)
    assert await both("wget -q --tries=1 --spider", port) == (4, 4)
    async with server(OK, reset=True) as port:
        assert await both("curl -f", port) == (56, 56)
    async with server(OK, hangs=True) as port:
        assert await both("curl -f -m 0.1", port) == (28, 28)
        late = TcpProbe(("127.0.0.1",), port)
        assert await probe_by_socket(
            HttpProbe(late.hosts, port), Here(), 1, 50 * MILLISECOND
        ) == SocketResult(-1, "")


async def test_where_only_the_command_can_tell() -> None:
    async with server(SAYS["elsewhere"]) as port:
        for words in ("curl -fL", "wget -q --spider"):
            assert (await both(words, port))[0] is None
        without = translated(f"nc -z 127.0.0.1 {port}".split())
        assert without is not None
        nowhere = Here()
        nowhere.programs.clear()
        with pytest.raises(Unsure):
            await probe_by_socket(without, nowhere, 1, SECOND)


async def test_any_loopback_will_do_and_the_body_is_told() -> None:
    async with server(OK) as port:
        probe = translated(f"curl -f http://localhost:{port}/".split())
        assert probe is not None
        assert await probe_by_socket(probe, Here(), 1, SECOND) == SocketResult(0, "yes")
        assert await probe_by_socket(TcpProbe(("::1", "127.0.0.1"), port), Here(), 1, SECOND) == SocketResult(
            0, ""
        )
