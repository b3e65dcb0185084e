"""The front door: one unix socket, behind which some requests are ours and the others the engine's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shutil
import socket
import stat
from pathlib import Path

from aiohttp import web

from skerry.api.connection import Answered, Connection
from skerry.api.heads import Head
from skerry.model.errors import SkerryError

SHUTDOWN_S = 0.5
"""How long requests under way may take when the server closes; streams are ended then."""
SWEEP_S = 5.0
"""How often connections from which nothing is being read are asked whether anyone is still there."""

OWNED = {"swarm", "nodes", "services", "tasks", "configs", "secrets"}
"""Whatever lies below these is ours, also what does not exist: the engine's swarm must never be asked."""


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

    def web_protocol(self) -> web.RequestHandler:
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


async def serve(
    path: str, app: web.Application, engine_socket: str, mode: int = 0o660, group: str = "docker"
) -> Server:
    """Serve the application and, behind it, the engine at a unix socket.

    The socket belongs to `group` where there is one. Raises AlreadyServed where somebody answers at
    `path`; a file that a dead process left is replaced.
    """
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        access_log=logging.getLogger(__name__),
        access_log_class=Answered,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_S,
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
