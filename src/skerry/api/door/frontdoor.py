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

from skerry.api.door.connection import Answered, Connection
from skerry.api.door.guard import GUARD, Guard, Unguarded
from skerry.api.door.heads import LIMIT, Head
from skerry.model.errors import SkerryError

FINISH_S = 5.0
"""How long requests under way may take when the server closes."""
LOOK_S = 0.02
SHUTDOWN_S = 0.1
"""How long handlers may take that were not waited for."""
IDLE_S = 365 * 86400.0
"""aiohttp does not close connections that are not used: it does not see what the engine does with them."""
SWEEP_S = 5.0
"""How often connections from which nothing is being read are asked whether anyone is still there."""

OWNED = {"swarm", "nodes", "services", "tasks", "configs", "secrets"}
"""Whatever lies below these is ours, also what does not exist: the engine's swarm must never be asked."""


class AlreadyServed(SkerryError):
    """Another process answers at the socket."""


class Server:
    """The listening front door; `serve` makes it."""

    def __init__(self, path: Path, runner: web.AppRunner, routes: OwnedRoutes, engine_socket: str) -> None:
        self.path = path
        self.ours = routes.ours
        self.guard: Guard = runner.app.get(GUARD, Unguarded())
        self.engine_socket = engine_socket
        self.connections: set[Connection] = set()
        self.connecting: set[asyncio.Task[None]] = set()
        self.closing = False
        """Connections end with the answer that is under way."""
        self._runner = runner
        self.listener: socket.socket
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket."""
        self.listener = sock
        # not create_unix_server, which removes the socket's file at its end (from Python 3.13 on)
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: Connection(self), sock=sock, backlog=backlog()
        )
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
        """Stop listening, and end every connection once it has the answer that is under way.

        The socket's file stays: whoever connects meanwhile waits for the next server that listens there.
        """
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._listener is not None:
            self._listener.close()
        self.closing = True
        await self._answers()
        for task in tuple(self.connecting):
            task.cancel()
        await self._runner.cleanup()
        for connection in tuple(self.connections):
            connection.abort()

    async def _answers(self) -> None:
        """Until nobody waits for an answer that will have an end, or for long enough."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FINISH_S
        while (now := loop.time()) < deadline:
            if not any(connection.awaits_answer(now) for connection in self.connections):
                return
            await asyncio.sleep(LOOK_S)


class OwnedRoutes:
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
        if path.partition("/")[2].partition("/")[0] in OWNED:
            return True
        return (head.method, path) in self._overlaid or any(
            method == head.method and pattern.fullmatch(path) for method, pattern in self._patterns
        )


async def serve(
    path: str,
    app: web.Application,
    engine_socket: str,
    sock: socket.socket | None = None,
    mode: int = 0o660,
    group: str = "docker",
) -> Server:
    """Serve the application and, behind it, the engine at a unix socket.

    `sock` is that socket where it is bound already; a fresh one belongs to `group` where there is one.
    Raises AlreadyServed where somebody answers at `path`; a file that a dead process left is replaced.
    """
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        access_log=logging.getLogger(__name__),
        access_log_class=Answered,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_S,
        keepalive_timeout=IDLE_S,
        max_line_size=LIMIT,
        max_field_size=LIMIT,
        max_headers=LIMIT,
    )
    await runner.setup()
    sock = sock or bind(Path(path), mode, group)
    try:
        server = Server(Path(path), runner, OwnedRoutes(app), engine_socket)
        await server.listen(sock)
    except BaseException:
        sock.close()
        await runner.cleanup()
        raise
    return server


def backlog() -> int:
    """How many connections may wait to be accepted: as many as the kernel allows, as with dockerd."""
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return socket.SOMAXCONN


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
    """Remove a socket's file where nobody listens any more. Raises AlreadyServed where somebody does, or it
    is no socket."""
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
