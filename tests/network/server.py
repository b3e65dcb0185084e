"""A task for trials: an HTTP/1.1 server with keep-alive on port 8080, TCP echo on 7 (all of it at the end),
on 9 (piece by piece) and on 25 (after a greeting), UDP echo on 5353.

`/` answers `NAME PEER`; `/slow/MS` the same after a while; `/stream/COUNT/MS` so many chunks with pauses;
`POST` reads its body first. Run inside a namespace: `nsenter --net=… python server.py NAME`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import cast


async def main(name: str) -> None:
    loop = asyncio.get_running_loop()
    everywhere = ["0.0.0.0", "::"]
    await asyncio.start_server(lambda r, w: serve(name, r, w), everywhere, 8080)
    await asyncio.start_server(echo, everywhere, 7)
    await asyncio.start_server(echo_pieces, everywhere, 9)
    await asyncio.start_server(greet, everywhere, 25)
    for family in (socket.AF_INET, socket.AF_INET6):
        bound = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(("", 5353))
        await loop.create_datagram_endpoint(lambda: Echo(name), sock=bound)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def serve(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = writer.get_extra_info("peername")[0]
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await answer(head.decode(), f"{name} {peer}\n".encode(), reader, writer)
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def answer(head: str, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _, path, *_ = head.split()
    for line in head.lower().splitlines():
        if line.startswith("content-length:"):
            await reader.readexactly(int(line.split()[1]))
    if path.startswith("/stream/"):
        _, _, count, pause = path.split("/")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(int(count)):
            writer.write(b"3\r\nabc\r\n")
            await asyncio.sleep(int(pause) / 1000)
        writer.write(b"0\r\n\r\n")
        return
    if path.startswith("/slow/"):
        await asyncio.sleep(int(path.split("/")[2]) / 1000)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    await writer.drain()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())  # all of it, after the client's half-close
    writer.close()


async def echo_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A piece with a wish for another protocol is granted it."""
    try:
        while piece := await reader.read(65536):
            switch = b"\r\nUpgrade:" in piece
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" if switch else piece)
    except OSError:
        pass
    finally:
        writer.close()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 at your service\r\n")
    await echo_pieces(reader, writer)


class Echo(asyncio.DatagramProtocol):
    def __init__(self, name: str) -> None:
        self.name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(f"{self.name} {addr[0]}".encode(), addr)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
