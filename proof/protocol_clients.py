"""Clients of other protocols than HTTP/1: `python -m proof.protocol_clients HOST PSQL REDIS-CLI`, where the
last two are commands as JSON; each request or session is a line as in `proof.clients`.

They behave as real ones do. A request that a server did not take, as its connection was closed before the
answer began, is asked again, once; a session that a server ends with the words that its protocol has for that
is begun again. Both count as `reconnected`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import grpc.aio
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosedOK, WebSocketException

from proof.http2 import Http2, trusting
from proof.protocols import PORTS
from proof.recorder import Recorder, record
from proof.stream import Broken, Place, Stale, Stream, ask

TALKING_S = 1.5
WORDS = [b"%d" % number for number in range(15)]
PAUSE_S = 0.3
LONG_PAUSE_S = 1.3
"""Longer than what is not understood has to be silent to be taken for idle."""


class ProtocolClients(Recorder):
    """All of them. New sessions are as patient as connections are held."""

    patience_s = 40.0

    def __init__(self, host: str, psql: Sequence[str], redis_cli: Sequence[str]) -> None:
        super().__init__()
        self.place = Place(host)
        where = ["-h", host, "-p"]
        self.psql = [*psql, *where, str(PORTS["postgres"]), "-U", "postgres", "-X", "-q", "-A", "-t"]
        self.psql += ["-v", "ON_ERROR_STOP=1", "postgres"]
        self.redis_cli = [*redis_cli, *where, str(PORTS["redis"])]

    def works(self) -> list[Awaitable[None]]:
        """What runs at the same time."""
        found: list[Awaitable[None]] = []
        for kind, port, tls in (
            ("HTTP/2", PORTS["http2"], False),
            ("HTTP/2 by TLS", PORTS["tls"], True),
        ):
            found.append(self.http2(kind, partial(Http2.connect, self.place, port, tls=tls)))
        sealed = partial(SealedStream.connect, self.place, PORTS["tls"])
        found += [
            self.keep_alive("HTTP/1 by TLS", sealed, lambda: ask("/", keep=True), 0.05) for _ in range(2)
        ]
        found.append(self.grpc())
        for kind, talks in (("WebSocket of a library", True), ("WebSocket that listens", False)):
            found += [self.loop(kind, partial(self.websocket, talks=talks), 0.05) for _ in range(2)]
        found += [
            self.loop("PostgreSQL", partial(self.postgres, pause), 0.1) for pause in (PAUSE_S, LONG_PAUSE_S)
        ]
        found += [self.loop("Redis", self.redis, 0.1) for _ in range(2)]
        return found

    async def http2(self, kind: str, connect: Callable[[], Awaitable[Http2]]) -> None:
        """Quick requests and streamed answers at once, on one connection for as long as it is there."""
        shared: Http2 | None = None
        opening = asyncio.Lock()

        async def connected() -> Http2:
            nonlocal shared
            async with opening:
                if shared is None or not shared.open:
                    shared = await connect()
                return shared

        async def get(path: str, body: bytes) -> None:
            if await (await connected()).get(path) != body:
                raise Broken("another answer")

        quick = [self.loop(kind, partial(_again, partial(get, "/", b"abc")), 0.05) for _ in range(2)]
        await asyncio.gather(
            *quick, self.loop(kind, partial(_again, partial(get, "/streamed", b"abc" * 6)), 0.1)
        )
        if shared is not None:
            shared.close()

    async def grpc(self) -> None:
        """Calls and streams on one channel, which connects again by itself."""
        async with grpc.aio.insecure_channel(f"{self.place.host}:{PORTS['grpc']}") as channel:
            say = channel.unary_unary("/proof.Echo/Say")
            talk = channel.stream_stream("/proof.Echo/Talk")

            async def call() -> None:
                try:
                    said = await say(b"word", wait_for_ready=True)
                except grpc.aio.AioRpcError as error:
                    raise _refusal(error, begun=False) from error
                if said != b"word":
                    raise Broken("another echo")

            async def stream() -> None:
                heard: list[bytes] = []
                try:
                    async for word in talk(_words(), wait_for_ready=True):
                        heard.append(word)
                except grpc.aio.AioRpcError as error:
                    raise _refusal(error, begun=bool(heard)) from error
                if heard != WORDS:
                    raise Broken("another echo")

            await asyncio.gather(
                *(self.loop("gRPC", partial(_again, call), 0.05) for _ in range(2)),
                *(self.loop("gRPC stream", partial(_again, stream), 0.1) for _ in range(2)),
            )

    async def websocket(self, *, talks: bool) -> str:
        """A session in which both speak, or only the server does."""
        address = f"ws://{self.place.host}:{PORTS['websocket']}"
        try:
            async with websockets.asyncio.client.connect(address, open_timeout=None) as session:
                if not talks:
                    if await session.recv() != "tick":
                        raise Broken("another word")
                    return ""
                for said in (word.decode() for word in WORDS):
                    await session.send(said)
                    while (word := await session.recv()) != said:
                        if word != "tick":
                            raise Broken("another echo")
                    await asyncio.sleep(TALKING_S / len(WORDS))
        except ConnectionClosedOK as end:
            return str(end)
        except WebSocketException as error:
            raise Broken(f"{type(error).__name__} {error}") from error
        return ""

    async def postgres(self, pause: float) -> None:
        """A transaction with pauses, by psql."""
        lines = [
            "BEGIN;",
            "CREATE TEMP TABLE held (n int) ON COMMIT DROP; INSERT INTO held VALUES (1), (2);",
            "SELECT sum(n) FROM held;",
            "COMMIT;",
        ]
        await _session(self.psql, lines, pause, "3")

    async def redis(self) -> None:
        """The same by redis-cli."""
        lines = ["MULTI", "SET held 1", "INCR held", "EXEC"]
        await _session(self.redis_cli, lines, PAUSE_S, "OK\nQUEUED\nQUEUED\nOK\n2")


class SealedStream(Stream):
    """A stream inside of TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.data = b""
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, place: Place, port: int) -> Stream:
        return cls(*await asyncio.open_connection(place.host, port, ssl=trusting()))

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def more(self, limit: int = 65536) -> bytes:
        data = await self._reader.read(limit)
        if not data:
            raise Broken("cut off")
        return data

    def close(self) -> None:
        self._writer.close()


async def _again(ask: Callable[[], Awaitable[None]]) -> str:
    """Ask, and once more where a server did not take it: then why."""
    try:
        await ask()
    except Stale as why:
        try:
            await ask()
        except Stale as again:
            raise Broken(f"{why}, and again {again}") from again
        return str(why)
    return ""


def _refusal(error: grpc.aio.AioRpcError, *, begun: bool) -> Stale | Broken:
    """What an error of gRPC means. A server of Python's that stops cancels what comes at that moment."""
    said = f"{error.code().name} {error.details()}"
    refused = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    return Stale(said) if refused and not begun else Broken(said)


async def _words() -> AsyncIterator[bytes]:
    for word in WORDS:
        yield word
        await asyncio.sleep(TALKING_S / len(WORDS))


async def _session(program: Sequence[str], lines: Sequence[str], pause: float, expected: str) -> None:
    """Tell a program lines, with a pause after each; what it says must be as expected."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *program, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdin is not None
    try:
        with suppress(ConnectionError):  # it has ended, and said why
            for line in lines:
                process.stdin.write(f"{line}\n".encode())
                await process.stdin.drain()
                await asyncio.sleep(pause)
        process.stdin.close()
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = said.decode(errors="replace").strip()
    if process.returncode or text != expected:
        raise Broken(f"exit {process.returncode}: {text[-200:]}")


if __name__ == "__main__":
    host, psql, redis_cli = sys.argv[1:]
    asyncio.run(record(ProtocolClients(host, json.loads(psql), json.loads(redis_cli))))
