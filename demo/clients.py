"""The clients of the story, a process of their own: `python -m demo.clients HOST PORT`.

They wait for the first 200, then ask until SIGTERM: one curl-like loop, some connections with keep-alive
and some that open a new connection for each request. Each request is a line on standard output: start
(CLOCK_MONOTONIC, s), duration (ms), kind, outcome (ok, reconnected, failed), version, text. The line
`first` says that the first 200 was seen, `end` that every request is answered.

A reused connection that was closed or reset before the first byte of an answer is opened again, once, as
every HTTP client does with a GET. Anything else that is not a whole 200 of the app is a failure.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import time
from dataclasses import dataclass, field

PATIENCE = 10.0
"""Seconds for a request, the connection included; past them it timed out."""
FIRST = 120.0
"""Seconds until the first 200 must have come."""


class Failed(Exception):
    """The answer was cut off, or is not a 200 of the app."""


class Stale(Exception):
    """The connection was closed or reset before the first byte of an answer."""


@dataclass
class Connection:
    """One HTTP/1.1 connection; a bare socket, so that what came before a reset is read."""

    socket: socket.socket
    request: bytes
    version: str = ""
    """Which version of the app answered last."""
    spent: bool = False
    """The server said that it closes this connection."""

    async def get(self) -> None:
        """One GET. Raises Stale, Failed, OSError."""
        loop = asyncio.get_running_loop()
        data = b""
        try:
            await loop.sock_sendall(self.socket, self.request)
            data = await loop.sock_recv(self.socket, 65536)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Stale("reset before the first byte") from error
        if not data:
            raise Stale("closed before the first byte")
        while b"\r\n\r\n" not in data:
            data += await self._more("the head")
        head, _, body = data.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "content-length" not in fields:
            raise Failed(f"{status}, without a length")
        while len(body) < int(fields["content-length"]):
            body += await self._more("the body")
        if not status.startswith("HTTP/1.1 200") or not body.startswith(b"Version: "):
            raise Failed(status)
        self.version = body.split(b"\n", 1)[0].decode().removeprefix("Version: ")
        self.spent = fields.get("connection", "").lower() == "close"
        if self.spent:
            self.close()

    async def _more(self, what: str) -> bytes:
        try:
            data = await asyncio.get_running_loop().sock_recv(self.socket, 65536)
        except ConnectionResetError as error:
            raise Failed(f"reset within {what}") from error
        if not data:
            raise Failed(f"cut off within {what}")
        return data

    def close(self) -> None:
        self.socket.close()


@dataclass
class Clients:
    """All clients against one address."""

    host: str
    port: int
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    lines: list[str] = field(default_factory=list)

    async def connect(self, *, keep: bool) -> Connection:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        plug = socket.socket(family, socket.SOCK_STREAM)
        plug.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(plug, (self.host, self.port))
        except BaseException:
            plug.close()
            raise
        name = f"[{self.host}]" if ":" in self.host else self.host
        close = "" if keep else "Connection: close\r\n"
        request = f"GET / HTTP/1.1\r\nHost: {name}:{self.port}\r\nUser-Agent: story\r\n{close}\r\n"
        return Connection(plug, request.encode())

    async def fresh(self) -> str:
        """A GET on a connection of its own; the version that answered."""
        connection = await self.connect(keep=False)
        try:
            await connection.get()
            return connection.version
        finally:
            connection.close()

    async def first(self) -> None:
        """Wait for the first 200; what fails until then is not counted."""
        async with asyncio.timeout(FIRST):
            while True:
                try:
                    await self.fresh()
                except (OSError, Stale, Failed):
                    await asyncio.sleep(0.05)
                else:
                    self.lines.append("first")
                    return

    async def new_each_time(self, kind: str, every: float) -> None:
        """A client that opens a connection for each request."""
        while not self.stop.is_set():
            started = time.monotonic()
            version = error = ""
            try:
                async with asyncio.timeout(PATIENCE):
                    version = await self.fresh()
            except (OSError, Stale, Failed, TimeoutError) as failure:
                error = describe(failure)
            self.record(started, kind, "failed" if error else "ok", version, error)
            await self.pause(started, every)

    async def keep_alive(self, kind: str, every: float) -> None:
        """A client that reuses its connection, and opens it again once where it turns out to be gone."""
        connection: Connection | None = None
        while not self.stop.is_set():
            started = time.monotonic()
            outcome, version, text = "ok", "", ""
            try:
                async with asyncio.timeout(PATIENCE):
                    used, text = await self.ask(connection)
                connection, version = used, used.version
                outcome = "reconnected" if text else "ok"
            except (OSError, Stale, Failed, TimeoutError) as failure:
                outcome, text = "failed", describe(failure)
                if connection is not None:
                    connection.close()
                connection = None
            self.record(started, kind, outcome, version, text)
            await self.pause(started, every)
        if connection is not None:
            connection.close()

    async def ask(self, connection: Connection | None) -> tuple[Connection, str]:
        """One request; the connection that answered, and why it is a new one if the old one was gone."""
        why = ""
        if connection is not None and not connection.spent:
            try:
                await connection.get()
            except Stale as stale:
                connection.close()
                why = describe(stale)
            else:
                return connection, ""
        connection = await self.connect(keep=True)
        try:
            await connection.get()
        except BaseException:
            connection.close()
            raise
        return connection, why

    async def pause(self, started: float, every: float) -> None:
        left = started + every - time.monotonic()
        if left > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), left)

    def record(self, started: float, kind: str, outcome: str, version: str, text: str) -> None:
        took = (time.monotonic() - started) * 1000
        self.lines.append(f"{started:.6f}\t{took:.2f}\t{kind}\t{outcome}\t{version}\t{text}")

    def flush(self) -> None:
        if self.lines:
            lines, self.lines = self.lines, []
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()

    async def speak(self) -> None:
        """Write what was recorded, a few times a second."""
        while True:
            await asyncio.sleep(0.05)
            self.flush()


def describe(failure: BaseException) -> str:
    """One short line on what went wrong."""
    if isinstance(failure, TimeoutError):
        return f"timed out after {PATIENCE:g} s"
    text = str(failure).replace("\t", " ").replace("\n", " ")
    return text or type(failure).__name__


async def ask_until_told(options: argparse.Namespace) -> None:
    """All clients, from the first 200 until SIGTERM."""
    clients = Clients(options.host, options.port)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, clients.stop.set)
    speaking = asyncio.create_task(clients.speak())
    first = asyncio.create_task(clients.first())
    stop = asyncio.create_task(clients.stop.wait())
    await asyncio.wait({first, stop}, return_when=asyncio.FIRST_COMPLETED)
    if first.done():
        first.result()
        async with asyncio.TaskGroup() as group:
            group.create_task(clients.new_each_time("loop", options.loop_every))
            for _ in range(options.kept):
                group.create_task(clients.keep_alive("kept", options.kept_every))
                await asyncio.sleep(options.kept_every / options.kept)
            for _ in range(options.fresh):
                group.create_task(clients.new_each_time("fresh", options.fresh_every))
    first.cancel()
    speaking.cancel()
    clients.lines.append("end")
    clients.flush()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="demo.clients")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--kept", type=int, default=16)
    parser.add_argument("--kept-every", type=float, default=0.05)
    parser.add_argument("--fresh", type=int, default=4)
    parser.add_argument("--fresh-every", type=float, default=0.1)
    parser.add_argument("--loop-every", type=float, default=0.01)
    asyncio.run(ask_until_told(parser.parse_args()))


if __name__ == "__main__":
    main()
