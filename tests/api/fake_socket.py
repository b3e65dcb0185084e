"""A stand-in for the engine at a unix socket: it speaks raw HTTP/1.1, so that tests see every byte.

What it does depends on the path: `/reflect` tells the head it got, `/echo` sends the body back in chunks as
it comes, `/session` switches and echoes, `/sum` counts until the client's end of input, `/flood` sends a
given number of bytes, `/hang` never answers, `/early` refuses before the body has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import msgspec

from skerry.model.objects import Raw

VERSION: Raw = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux"}
SERVER = "Docker/20.10.24 (linux)"


class FakeSocket:
    """The engine; `answers` maps `METHOD /path` (without version and query) to JSON, to (status, JSON), or to
    what is awaited for one of these."""

    def __init__(self, answers: dict[str, object] | None = None) -> None:
        self.answers = {"GET /version": VERSION, "GET /_ping": b"OK", "HEAD /_ping": b"", **(answers or {})}
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.open = 0
        self.sent = 0
        self.listeners: list[asyncio.StreamWriter] = []
        self.closed = asyncio.Event()

    @asynccontextmanager
    async def serving(self, path: str) -> AsyncIterator[None]:
        """Listen at a socket."""
        server = await asyncio.start_unix_server(self._connected, path)
        try:
            yield
        finally:
            server.close()

    def emit(self, event: Raw) -> None:
        """Send an event to everyone who reads the live stream."""
        for writer in self.listeners:
            writer.write(chunk(msgspec.json.encode(event) + b"\n"))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self.open -= 1
            writer.close()
            self.closed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        method, target, _ = head.split("\r\n")[0].split(" ")
        path = target.partition("?")[0]
        if path.startswith("/v1."):
            path = "/" + path.split("/", 2)[2]
        special = _events if path == "/events" and "until=" not in target else _BEHAVIOURS.get(path)
        if special is not None:
            await special(self, head, reader, writer)
            await writer.drain()
            return
        self.bodies.append(await _body(head, reader))
        found = self.answers.get(f"{method} {path}", (404, {"message": "page not found"}))
        if callable(found):
            found = await found()
        status, value = found if isinstance(found, tuple) else (200, found)
        body = value if isinstance(value, bytes) else msgspec.json.encode(value) + b"\n"
        kind = "text/plain" if isinstance(value, bytes) else "application/json"
        writer.write(answer(status, b"" if method == "HEAD" else body, kind))
        await writer.drain()


def answer(status: int, body: bytes, kind: str = "application/json") -> bytes:
    """A whole answer with the engine's headers."""
    head = (
        f"HTTP/1.1 {status} X\r\nServer: {SERVER}\r\nApi-Version: 1.41\r\nOstype: linux\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def _body(head: str, reader: asyncio.StreamReader) -> bytes:
    for line in head.split("\r\n"):
        name, _, value = line.partition(": ")
        if name.lower() == "content-length":
            return await reader.readexactly(int(value))
        if name.lower() == "transfer-encoding":
            return b"".join([piece async for piece in _chunks(reader)])
    return b""


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while length := int(await reader.readline(), 16):
        yield await reader.readexactly(length)
        await reader.readexactly(2)
    await reader.readline()


async def _reflect(
    engine: FakeSocket, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(answer(200, head.encode(), "text/plain"))


async def _echo(
    engine: FakeSocket, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    if "expect: 100-continue" in head.lower():
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
    async for piece in _chunks(reader):
        writer.write(chunk(piece))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


async def _upgrade(
    engine: FakeSocket, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()
    writer.write(b"bye")


async def _raw(
    engine: FakeSocket, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n")
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()


async def _sum(
    engine: FakeSocket, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    total = 0
    length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
    while total < length:
        total += len(await reader.read(1 << 20))
    writer.write(answer(200, str(total).encode(), "text/plain"))


async def _flood(
    engine: FakeSocket, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    size = int(head.split(" ")[1].rpartition("=")[2])
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
    while size:
        piece = min(size, 1 << 18)
        writer.write(b"x" * piece)
        await writer.drain()
        engine.sent += piece
        size -= piece


async def _hang(
    engine: FakeSocket, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while await reader.read(65536):
        pass


async def _early(
    engine: FakeSocket, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(answer(400, b'{"message":"no"}'))
    await writer.drain()
    writer.write_eof()
    while await reader.read(1 << 20):
        pass


async def _events(
    engine: FakeSocket, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(start)
    engine.listeners.append(writer)
    while await reader.read(65536):
        pass
    engine.listeners.remove(writer)


Behaviour = Callable[[FakeSocket, str, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_BEHAVIOURS: dict[str, Behaviour] = {
    "/reflect": _reflect,
    "/echo": _echo,
    "/session": _upgrade,
    "/exec/raw/start": _raw,
    "/sum": _sum,
    "/flood": _flood,
    "/hang": _hang,
    "/early": _early,
}
