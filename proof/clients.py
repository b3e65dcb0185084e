"""All kinds of clients at once, in a process of their own: `python -m proof.clients PLACES`, as JSON.

Each request, session or exchange is a line on standard output: start (CLOCK_MONOTONIC, s), duration (ms),
kind, outcome (ok, reconnected, failed), text. They go on until SIGTERM. From SIGUSR1 to SIGUSR2 there is only
one connection of each kind that opens a new one each time: where a process is going to be killed, so many
requests fewer are open in it.

They behave as real ones do. A reused connection that was closed or reset before the first byte of an
answer is opened again, once. A datagram without an answer is sent again. Both count as `reconnected`.
Anything refused, timed out, cut off, or reset on a fresh connection has failed.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import dns.message
import msgspec

from proof.recorder import Recorder, record
from proof.stream import Broken, Place, Stream, ask, good_head, pieces, plain

WEB, SOCKETS, ECHO, DATAGRAMS = 8080, 9090, 9091, 9092
RESEND_S = {"udp": 0.5, "dns": 2.0, "dns in a container": 2.0}
"""After so long a datagram is sent again: as an impatient client does, and as resolvers do."""


class Places(msgspec.Struct, frozen=True):
    """Where the clients go: the machine's addresses as another host and as the machine itself see it
    (published ports), the network's leg (names), and the engine's resolver inside a container."""

    outside: Place
    outside6: Place
    own6: Place
    leg: Place
    resolver: Place
    over: str = ""
    """How the names of all kinds end, where they come another way than usual."""


class Clients(Recorder):
    """All of them."""

    def __init__(self, places: Places) -> None:
        super().__init__()
        self.places = places
        self.over = places.over

    # TCP, a connection each.

    async def new(self) -> None:
        await self._once(WEB, ask("/"), plain)

    async def new_at(self, place: Place) -> None:
        await self._once(WEB, ask("/"), plain, place=place)

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
        self,
        port: int,
        request: bytes,
        rest: Callable[[Stream], Awaitable[object]],
        buffer: int = 0,
        place: Place | None = None,
    ) -> None:
        stream = await Stream.open(place or self.places.outside, port, buffer)
        try:
            await stream.send(request)
            await rest(stream)
        finally:
            stream.close()

    # The loops.

    async def kept(self, kind: str, place: Place, every: float) -> None:
        """One client that reuses its connection."""
        await self.keep_alive(kind, partial(Stream.open, place, WEB), lambda: ask("/", keep=True), every)

    async def datagrams(self, kind: str, place: Place, port: int, every: float) -> None:
        """One client of UDP: echo, or names, from one port the whole time; a container's names as resolvers
        ask for them, from another port each time."""
        number = 0
        plug: socket.socket | None = None

        async def exchange() -> str:
            nonlocal plug
            sent = 0
            while True:
                if plug is None or kind == "dns in a container":
                    if plug is not None:
                        plug.close()
                    plug = place.plug(socket.SOCK_DGRAM)
                    plug.connect((place.host, port))
                sent += 1
                question = _question(kind, number, "AAAA" if self.over else "A")
                if await self._answered(kind, question, plug):
                    return f"sent {sent} times" if sent > 1 else ""
                await asyncio.sleep(0.02)

        while not self.stop.is_set():
            number += 1
            started = time.monotonic()
            await self.recorded(kind, started, exchange())
            await self.pause(started + every)
        if plug is not None:
            plug.close()

    async def _answered(self, kind: str, question: bytes, plug: socket.socket) -> bool:
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError, ConnectionRefusedError):
            async with asyncio.timeout(RESEND_S[kind]):
                await loop.sock_sendall(plug, question)
                while not self._answers(kind, question, await loop.sock_recv(plug, 4096)):
                    pass
                return True
        return False

    def _answers(self, kind: str, question: bytes, answer: bytes) -> bool:
        if kind == "udp":
            return answer == question
        if answer[:2] != question[:2]:
            return False
        if not dns.message.from_wire(answer).answer:
            raise Broken("a name that is none")
        return True

    # All.

    def works(self) -> list[Awaitable[None]]:
        """What runs at the same time: so many clients of each kind."""
        there, there6, own6 = self.places.outside, self.places.outside6, self.places.own6
        sessions: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("slow POST", self.post),
            ("streamed answer", self.streamed),
            ("slow reader", self.slow_reader),
            ("server-sent events", self.events),
            ("WebSocket", self.websocket),
            ("TCP echo", self.tcp),
        ]
        found: list[Awaitable[None]] = [
            self.loop(kind, once, 0.05, spare=spare) for kind, once in sessions for spare in (False, True)
        ]
        found += [self.loop("new connection", self.new, 0.04, spare=spare) for spare in (False, True)]
        found += [self.kept("keep-alive", there, 0.05) for _ in range(4)]
        for place in (there6, own6):
            found.append(self.loop("new connection, IPv6", partial(self.new_at, place), 0.08))
            found.append(self.kept("keep-alive, IPv6", place, 0.08))
        found += [self.datagrams("udp", there, DATAGRAMS, 0.04) for _ in range(2)]
        found.append(self.datagrams("dns", self.places.leg, 53, 0.04))
        found.append(self.datagrams("dns in a container", self.places.resolver, 53, 0.04))
        return found


def _question(kind: str, number: int, wanted: str) -> bytes:
    if kind == "udp":
        return b"%08d" % number
    query = dns.message.make_query("web", wanted)
    query.id = number & 0xFFFF
    return query.to_wire()


if __name__ == "__main__":
    asyncio.run(record(Clients(msgspec.json.decode(sys.argv[1], type=Places))))
