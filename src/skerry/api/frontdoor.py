"""The front door: one unix socket, behind which some requests are ours and the others the engine's.

Each connection serves one request: the head decides, `Connection: close` makes sure that it is the last,
and from then on the connection belongs to aiohttp or to a pipe to the engine. Requests that upgrade keep
their head as it is, since what follows is no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import stat
from pathlib import Path

import msgspec
import structlog
from aiohttp import web

from skerry.api.heads import BadHead, Head, split
from skerry.api.pipe import ClientHalf, EngineHalf, hung_up, tie
from skerry.model.errors import SkerryError

HEAD_TIMEOUT_S = 60.0
SHUTDOWN_S = 0.5
"""How long requests under way may take when the server closes; streams are ended then."""
SWEEP_S = 5.0
"""How often connections from which nothing is being read are asked whether anyone is still there."""

OWNED = {"swarm", "nodes", "services", "tasks", "configs", "secrets"}
"""Whatever lies below these is ours, also what does not exist: the engine's swarm must never be asked."""

log = structlog.get_logger()


class AlreadyServed(SkerryError):
    """Another process answers at the socket."""


class Server:
    """The listening front door; `serve` makes it."""

    def __init__(self, path: Path, runner: web.AppRunner, routes: Routes, engine_socket: str) -> None:
        self.path = path
        self.routes = routes
        self.engine_socket = engine_socket
        self.connections: set[Connection] = set()
        self.connecting: set[asyncio.Task[None]] = set()
        self._runner = runner
        self._listener: asyncio.Server | None = None
        self._inode = 0
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._inode = self.path.stat().st_ino
        self._listener = await loop.create_unix_server(lambda: Connection(self), sock=sock)
        self._sweep()

    def web_protocol(self) -> asyncio.Protocol:
        """A fresh HTTP connection of aiohttp's."""
        server = self._runner.server
        assert server is not None
        return server()

    def _sweep(self) -> None:
        for connection in tuple(self.connections):
            connection.check()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    async def close(self) -> None:
        """Stop listening, end every connection, remove the socket's file if it is still ours."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._listener is not None:
            self._listener.close()
        for task in tuple(self.connecting):
            task.cancel()
        await self._runner.cleanup()
        for connection in tuple(self.connections):
            connection.abort()
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()


class Routes:
    """Which requests are ours: everything below `OWNED`, and the overlaid routes of the application."""

    def __init__(self, app: web.Application) -> None:
        self._overlaid: set[tuple[str, str]] = set()
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        for route in app.router.routes():
            info = route.resource.get_info() if route.resource is not None else {}
            if "path" in info:
                self._overlaid.add((route.method, info["path"]))
            elif "pattern" in info:
                self._patterns.append((route.method, info["pattern"]))

    def ours(self, head: Head) -> bool:
        """Whether skerry answers this request itself."""
        path = head.path
        if path.lstrip("/").partition("/")[0] in OWNED:
            return True
        return (head.method, path) in self._overlaid or any(
            method == head.method and pattern.fullmatch(path) for method, pattern in self._patterns
        )


class Connection(asyncio.Protocol):
    """A client's connection: reads the head, then hands everything to the protocol that serves it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""
        self._next: asyncio.Protocol | None = None
        self._room: int | None = None
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here; it has a minute to say what it wants."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(self)
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(HEAD_TIMEOUT_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Part of the head, or whatever follows it."""
        if self._next is not None:
            if data := self._fitting(data):
                self._next.data_received(data)
            return
        self._buffer += data
        try:
            found = split(self._buffer)
        except BadHead as error:
            self._refuse(400, str(error))
            return
        if found is not None:
            self._buffer = b""
            self._decide(*found)

    def _decide(self, head: Head, rest: bytes) -> None:
        assert self._patience is not None
        self._patience.cancel()
        if self._server.routes.ours(head):
            self._room = head.length
            self._serve(head.render(close=True, upgrade=False) + self._fitting(rest))
        else:
            self._pass(head.render(close=not head.upgrades) + rest)

    def _fitting(self, data: bytes) -> bytes:
        """What of the data belongs to the request that is served: a connection serves one."""
        if self._room is None:
            return data
        data = data[: self._room]
        self._room -= len(data)
        return data

    def _serve(self, data: bytes) -> None:
        assert self._transport is not None
        self._next = self._server.web_protocol()
        self._next.connection_made(self._transport)
        self._next.data_received(data)

    def _pass(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.pause_reading()
        client = ClientHalf()
        client.transport = self._transport
        self._next = client
        engine = EngineHalf()
        tie(client, engine)
        task = asyncio.ensure_future(self._connect(engine, data))
        self._server.connecting.add(task)
        task.add_done_callback(self._server.connecting.discard)

    async def _connect(self, engine: EngineHalf, data: bytes) -> None:
        assert self._transport is not None
        path = self._server.engine_socket
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: engine, path)
        except OSError as error:
            log.warning("engine does not answer", socket=path, error=str(error))
            self._transport.resume_reading()
            self._refuse(503, engine_down(path))
            return
        assert engine.transport is not None
        if self._transport.is_closing():
            engine.transport.close()
            return
        engine.transport.write(data)
        self._transport.resume_reading()

    def _refuse(self, status: int, message: str) -> None:
        assert self._transport is not None
        reason = {400: "Bad Request", 503: "Service Unavailable"}[status]
        body = msgspec.json.encode({"message": message}) + b"\n"
        head = (
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.close()

    def eof_received(self) -> bool:
        """The client sends no more. One that only closed its sending half still wants its answer."""
        if self._next is None or self._transport is None:
            return False
        self._ended = True
        if isinstance(self._next, ClientHalf):
            return self._next.eof_received()
        return not hung_up(self._transport)

    def check(self) -> None:
        """Notice a hang-up that reading does not show: after a half-close, or while reading is paused."""
        transport = self._transport
        unheard = transport is not None and (self._ended or not transport.is_reading())
        if transport is not None and unheard and hung_up(transport):
            transport.abort()

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        if self._next is not None:
            self._next.pause_writing()

    def resume_writing(self) -> None:
        """The client caught up."""
        if self._next is not None:
            self._next.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone: so is whatever served it."""
        self._server.connections.discard(self)
        if self._patience is not None:
            self._patience.cancel()
        if self._next is not None:
            self._next.connection_lost(exc)


def engine_down(path: str) -> str:
    """What a client reads when the engine does not answer."""
    return f"The Docker Engine behind skerry does not answer at {path}: is dockerd running?"


async def serve(
    path: str, app: web.Application, engine_socket: str, mode: int = 0o660, group: str = "docker"
) -> Server:
    """Serve the application and, behind it, the engine at a unix socket.

    The socket belongs to `group` where there is one. Raises AlreadyServed where somebody answers at
    `path`; a file that a dead process left is replaced.
    """
    runner = web.AppRunner(
        app, handler_cancellation=True, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S
    )
    await runner.setup()
    sock = bind(Path(path), mode, group)
    try:
        server = Server(Path(path), runner, Routes(app), engine_socket)
        await server.listen(sock)
    except BaseException:
        sock.close()
        await runner.cleanup()
        raise
    return server


def bind(path: Path, mode: int, group: str) -> socket.socket:
    """Bind the socket, not listening yet, so that nobody connects before its owner and mode are right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(mode)
        with contextlib.suppress(LookupError, PermissionError):
            shutil.chown(path, group=group)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_stale(path: Path) -> None:
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise AlreadyServed(f"{path} is there and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise AlreadyServed(f"{path} cannot be taken over: {error}") from error
    raise AlreadyServed(f"something answers at {path} already")
