"""The app that is rolled: HTTP, WebSocket, TCP and UDP echo. Standard library only; runs in the container.

ENDING says what it does on SIGTERM: `graceful` finishes what is open, `once` ends at once.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import signal
import socket
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
EVERYWHERE = ["0.0.0.0", "::"]
LAST_WORDS_S = 8.0
PIECE = b"3\r\nabc\r\n"


class App:
    def __init__(self) -> None:
        self.open = 0
        self.ending = asyncio.Event()

    def head(self, *fields: str) -> bytes:
        return ("HTTP/1.1 200 OK\r\n" + "".join(f"{one}\r\n" for one in fields) + "\r\n").encode()

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False where the connection ends after it."""
        first = await reader.readexactly(1)  # from here on a request is in flight
        self.open += 1
        try:
            lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
            path = lines[0].split()[1]
            await self.route(path, fields, reader, writer)
            await writer.drain()
            keep = fields.get("connection", "").lower() not in ("close", "upgrade")
            return keep and not self.ending.is_set()
        finally:
            self.open -= 1

    async def route(
        self, path: str, fields: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if path == "/post":
            body = await reader.readexactly(int(fields["content-length"]))
            await self.plain(writer, str(len(body)))
        elif path == "/streamed":
            await self.pieces(writer, 5, 0.3)
        elif path == "/events":
            await self.pieces(writer, 10, 0.2)
        elif path == "/big":
            writer.write(self.head(f"Content-Length: {1 << 20}"))
            writer.write(b"x" * (1 << 20))
        elif path == "/ws":
            await self.websocket(fields, reader, writer)
        elif path == "/eat":
            eaten = [bytearray(os.urandom(1 << 20) * 16) for _ in range(64)]
            await self.plain(writer, str(len(eaten)))
        else:
            await self.plain(writer, f"Version: {os.environ.get('VERSION', '')}")

    async def plain(self, writer: asyncio.StreamWriter, text: str) -> None:
        writer.write(self.head(f"Content-Length: {len(text)}") + text.encode())

    async def pieces(self, writer: asyncio.StreamWriter, count: int, every: float) -> None:
        writer.write(self.head("Transfer-Encoding: chunked"))
        for number in range(count):
            await asyncio.sleep(every if number else 0)
            writer.write(PIECE)
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def websocket(
        self, fields: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        key = base64.b64encode(hashlib.sha1(fields["sec-websocket-key"].encode() + GUID).digest()).decode()
        words = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {key}"]
        writer.write(self.head(*words).replace(b"200 OK", b"101 Switching Protocols"))
        while True:
            kind, length = await reader.readexactly(2)
            mask, masked = await reader.readexactly(4), await reader.readexactly(length & 127)
            if kind & 15 == 8:
                return
            said = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
            writer.write(struct.pack("!BB", 0x81, len(said)) + said)
            await writer.drain()

    async def echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self.open -= 1
            writer.close()

    def datagrams(self, bound: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, peer = bound.recvfrom(4096)
                bound.sendto(data, peer)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        graceful = os.environ.get("ENDING") == "graceful"
        loop.add_signal_handler(signal.SIGTERM, self.ending.set if graceful else lambda: os._exit(0))
        servers = [
            await asyncio.start_server(self.http, EVERYWHERE, 8080, backlog=512),
            await asyncio.start_server(self.echo, EVERYWHERE, 8081, backlog=512),
        ]
        bound = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.setblocking(False)
        bound.bind(("::", 8082))
        loop.add_reader(bound, self.datagrams, bound)
        await self.ending.wait()
        for server in servers:
            server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                while self.open:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)


asyncio.run(App().run())
