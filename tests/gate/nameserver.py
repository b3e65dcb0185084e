"""A nameserver of the world, in a few lines: real sockets, UDP and TCP, and what it shall say."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import dns.message

Say = Callable[[dns.message.Message], dns.message.Message | None]


class Nameserver(asyncio.DatagramProtocol):
    """Answers what `say` says to a question, or not at all; remembers the questions."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.questions: list[dns.message.Message] = []
        self.streams = 0
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        response = self._response(data)
        if response is not None and self.transport is not None:
            self.transport.sendto(response.to_wire(max_size=1232, prefer_truncation=True), address)

    async def stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.streams += 1
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        response = self._response(await reader.readexactly(length))
        if response is not None:
            wire = response.to_wire()
            writer.write(struct.pack("!H", len(wire)) + wire)
        writer.close()

    def _response(self, data: bytes) -> dns.message.Message | None:
        query = dns.message.from_wire(data)
        self.questions.append(query)
        return self.say(query)


@asynccontextmanager
async def nameserver(address: str, say: Say, port: int = 0) -> AsyncIterator[tuple[Nameserver, int]]:
    """One at an address of loopback, with its port."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: Nameserver(say), local_addr=(address, port)
    )
    port = transport.get_extra_info("sockname")[1]
    streams = await asyncio.start_server(server.stream, address, port)
    try:
        yield server, port
    finally:
        transport.close()
        streams.close()
