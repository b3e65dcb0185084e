"""A TCP connection of a client, and the answers that it reads."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path

from skerry.linux.netns import inside


@dataclass(frozen=True)
class Place:
    """Where a client goes, and the network namespace that it goes from ("": this process's)."""

    host: str
    netns: str = ""

    def plug(self, kind: socket.SocketKind) -> socket.socket:
        """A socket there, of the address's family, that does not block."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET

        def made() -> socket.socket:
            return socket.socket(family, kind | socket.SOCK_NONBLOCK)

        return inside(Path(self.netns), made) if self.netns else made()


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
    async def open(cls, place: Place, port: int, buffer: int = 0) -> Stream:
        plug = place.plug(socket.SOCK_STREAM)
        if buffer:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        try:
            await asyncio.get_running_loop().sock_connect(plug, (place.host, port))
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
