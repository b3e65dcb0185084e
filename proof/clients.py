"""All kinds of clients at once, in a process of their own: `python -m proof.clients HOST LEG NETNS`.

Each request, session or exchange is a line on standard output: start (CLOCK_MONOTONIC, s), duration (ms),
kind, outcome (ok, reconnected, failed), text. They go on until SIGTERM.

They behave as real ones do. A reused connection that was closed or reset before the first byte of an
answer is opened again, once. A datagram without an answer is sent again. Both count as `reconnected`.
Anything refused, timed out, cut off, or reset on a fresh connection has failed.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import dns.message

from skerry.gate.netns import inside

PATIENCE_S = 12.0
WEB, SOCKETS, ECHO, DATAGRAMS = 8080, 9090, 9091, 9092
RESEND_S = {"udp": 0.5, "dns": 2.0}
"""After so long a datagram is sent again: as an impatient client does, and as resolvers do."""


class Stale(Exception):
    """A reused connection was gone before the first byte of the answer."""


class Broken(Exception):
    """An answer that is not what it should be."""


class Stream:
    """A TCP connection."""

    def __init__(self, plug: socket.socket) -> None:
        self.plug = plug
        self.data = b""

    @classmethod
    async def open(cls, host: str, port: int, buffer: int = 0) -> Stream:
        plug = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if buffer:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        try:
            await asyncio.get_running_loop().sock_connect(plug, (host, port))
        except BaseException:
            plug.close()
            raise
        return cls(plug)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.plug, data)

    async def more(self, limit: int = 65536) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(self.plug, limit)
        if not data:
            raise Broken("cut off")
        return data

    async def until(self, mark: bytes) -> bytes:
        """What comes up to a mark, which is taken too."""
        while mark not in self.data:
            self.data += await self.more()
        found, _, self.data = self.data.partition(mark)
        return found

    async def exactly(self, count: int) -> bytes:
        while len(self.data) < count:
            self.data += await self.more()
        found, self.data = self.data[:count], self.data[count:]
        return found

    def close(self) -> None:
        self.plug.close()


def ask(path: str, *fields: str, keep: bool = False) -> bytes:
    lines = [f"{'POST' if path == '/post' else 'GET'} {path} HTTP/1.1", "Host: proof", *fields]
    return "\r\n".join([*lines, *([] if keep else ["Connection: close"]), "", ""]).encode()


async def good_head(stream: Stream, status: bytes = b"200") -> bytes:
    head = await stream.until(b"\r\n\r\n")
    if head.split()[1] != status:
        raise Broken(head.partition(b"\r\n")[0].decode("latin-1"))
    return head


async def plain(stream: Stream) -> bytes:
    """A whole answer with a length."""
    head = await good_head(stream)
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    return await stream.exactly(length)


async def pieces(stream: Stream, count: int) -> None:
    """A whole answer that comes in so many pieces."""
    await good_head(stream)
    for _ in range(count):
        if await stream.until(b"\r\n") != b"3" or await stream.exactly(5) != b"abc\r\n":
            raise Broken("another piece")
    if await stream.exactly(5) != b"0\r\n\r\n":
        raise Broken("no end")


class Clients:
    """All of them. `lines` are the requests that have ended and are not written yet."""

    def __init__(self, host: str, leg: str, netns: Path) -> None:
        self.host = host
        self.leg = leg
        self.netns = netns
        self.lines: list[str] = []
        self.stop = asyncio.Event()

    # TCP, a connection each.

    async def new(self) -> None:
        await self._once(WEB, ask("/"), plain)

    async def post(self) -> None:
        async def slowly(stream: Stream) -> None:
            for _ in range(8):
                await asyncio.sleep(0.1)
                await stream.send(b"x" * 500)
            if await plain(stream) != b"4000":
                raise Broken("not all of it arrived")

        await self._once(WEB, ask("/post", "Content-Length: 4000"), slowly)

    async def streamed(self) -> None:
        await self._once(WEB, ask("/streamed"), lambda stream: pieces(stream, 5))

    async def events(self) -> None:
        await self._once(WEB, ask("/events", "Accept: text/event-stream"), lambda stream: pieces(stream, 10))

    async def slow_reader(self) -> None:
        async def read(stream: Stream) -> None:
            await good_head(stream)
            left = (1 << 20) - len(stream.data)
            while left > 0:
                left -= len(await stream.more(65536))
                await asyncio.sleep(0.05)

        await self._once(WEB, ask("/big"), read, buffer=32768)

    async def websocket(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()

        async def talk(stream: Stream) -> None:
            await good_head(stream, b"101")
            for number in range(15):
                said = b"%08d" % number
                await stream.send(b"\x81" + bytes([0x80 | len(said)]) + b"\0\0\0\0" + said)
                if await stream.exactly(2 + len(said)) != struct.pack("!BB", 0x81, len(said)) + said:
                    raise Broken("another echo")
                await asyncio.sleep(0.1)
            await stream.send(b"\x88\x80\0\0\0\0")

        fields = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}"]
        await self._once(SOCKETS, ask("/ws", *fields, keep=True), talk)

    async def tcp(self) -> None:
        async def talk(stream: Stream) -> None:
            for number in range(20):
                said = b"%08d" % number
                await stream.send(said)
                if await stream.exactly(8) != said:
                    raise Broken("another echo")
                await asyncio.sleep(0.05)

        await self._once(ECHO, b"", talk)

    async def _once(
        self, port: int, request: bytes, rest: Callable[[Stream], Awaitable[object]], buffer: int = 0
    ) -> None:
        stream = await Stream.open(self.host, port, buffer)
        try:
            await stream.send(request)
            await rest(stream)
        finally:
            stream.close()

    # The loops.

    async def loop(self, kind: str, once: Callable[[], Awaitable[object]], every: float) -> None:
        """One client of a kind that starts anew each time."""
        while not self.stop.is_set():
            started = time.monotonic()
            await self._recorded(kind, started, once())
            await self._pause(started + every)

    async def keep_alive(self, every: float) -> None:
        """One client that reuses its connection."""
        stream: Stream | None = None

        async def get() -> str:
            nonlocal stream
            if stream is not None:
                try:
                    await self._reused(stream)
                except Stale as stale:
                    stream.close()
                    stream = None
                    why = str(stale)
                else:
                    return ""
            else:
                why = ""
            stream = await Stream.open(self.host, WEB)
            await stream.send(ask("/", keep=True))
            await plain(stream)
            return why

        while not self.stop.is_set():
            started = time.monotonic()
            if not await self._recorded("keep-alive", started, get()) and stream is not None:
                stream.close()
                stream = None
            await self._pause(started + every)
        if stream is not None:
            stream.close()

    async def _reused(self, stream: Stream) -> None:
        try:
            await stream.send(ask("/", keep=True))
            stream.data += await stream.more()
        except (ConnectionError, Broken) as error:
            raise Stale(str(error)) from error
        await plain(stream)

    async def datagrams(self, kind: str, plug: socket.socket, every: float) -> None:
        """One client of UDP, from one port the whole time: echo, or names."""
        plug.setblocking(False)
        number = 0

        async def exchange() -> str:
            nonlocal number
            number += 1
            question = b"%08d" % number
            if kind == "dns":
                query = dns.message.make_query("web", "A")
                query.id = number & 0xFFFF
                question = query.to_wire()
            loop, sent = asyncio.get_running_loop(), 0
            while True:
                with suppress(ConnectionRefusedError):
                    await loop.sock_sendall(plug, question)
                sent += 1
                with suppress(TimeoutError, ConnectionRefusedError):
                    async with asyncio.timeout(RESEND_S[kind]):
                        while not self._answers(kind, question, await loop.sock_recv(plug, 4096)):
                            pass
                        return f"sent {sent} times" if sent > 1 else ""
                if sent > 1:
                    await asyncio.sleep(0.02)

        with plug:
            while not self.stop.is_set():
                started = time.monotonic()
                await self._recorded(kind, started, exchange())
                await self._pause(started + every)

    def _answers(self, kind: str, question: bytes, answer: bytes) -> bool:
        if kind == "udp":
            return answer == question
        if answer[:2] != question[:2]:
            return False
        if not dns.message.from_wire(answer).answer:
            raise Broken("a name that is none")
        return True

    async def _recorded(self, kind: str, started: float, work: Awaitable[object]) -> bool:
        outcome, text = "ok", ""
        try:
            async with asyncio.timeout(PATIENCE_S):
                said = await work
            if isinstance(said, str) and said:
                outcome, text = "reconnected", said
        except (OSError, Broken, TimeoutError) as error:
            outcome, text = "failed", f"{type(error).__name__} {error}".replace("\t", " ").replace("\n", " ")
        took = (time.monotonic() - started) * 1000
        self.lines.append(f"{started:.6f}\t{took:.2f}\t{kind}\t{outcome}\t{text}")
        return outcome != "failed"

    async def _pause(self, until: float) -> None:
        left = until - time.monotonic()
        if left > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), left)

    # All.

    def works(self) -> list[Awaitable[None]]:
        """What runs at the same time: so many clients of each kind."""
        kinds: list[tuple[str, Callable[[], Awaitable[object]], float, int]] = [
            ("new connection", self.new, 0.04, 2),
            ("slow POST", self.post, 0.05, 2),
            ("streamed answer", self.streamed, 0.05, 2),
            ("slow reader", self.slow_reader, 0.05, 2),
            ("server-sent events", self.events, 0.05, 2),
            ("WebSocket", self.websocket, 0.05, 2),
            ("TCP echo", self.tcp, 0.05, 2),
        ]
        found: list[Awaitable[None]] = [
            self.loop(kind, once, every) for kind, once, every, count in kinds for _ in range(count)
        ]
        found += [self.keep_alive(0.05) for _ in range(4)]
        for _ in range(2):
            plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            plug.connect((self.host, DATAGRAMS))
            found.append(self.datagrams("udp", plug, 0.04))
        names = inside(self.netns, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        names.connect((self.leg, 53))
        found.append(self.datagrams("dns", names, 0.04))
        return found

    async def speak(self) -> None:
        """Write what was recorded, a few times a second."""
        while True:
            await asyncio.sleep(0.1)
            self.flush()

    def flush(self) -> None:
        lines, self.lines = self.lines, []
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()


async def ask_until_told(host: str, leg: str, netns: Path) -> None:
    """All clients until SIGTERM."""
    clients = Clients(host, leg, netns)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, clients.stop.set)
    speaking = asyncio.create_task(clients.speak())
    await asyncio.gather(*clients.works())
    speaking.cancel()
    clients.flush()
    sys.stdout.write("end\n")


if __name__ == "__main__":
    asyncio.run(ask_until_told(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
