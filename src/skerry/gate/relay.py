"""Hand a connection over to a backend: wait for one, connect, copy both ways."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import select
import socket
import struct
import termios
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from skerry.gate.desired_state import DesiredState, Destination
from skerry.gate.line import Line
from skerry.gate.shares import LIMITS, Limits, Shares
from skerry.model.family import Family, family_of
from skerry.model.traffic import Backend

CONNECT_S = 2.0
RETRY_S = 0.05
RETRIES = 64
"""So many connections that wait for the same knock at its backends every `RETRY_S`; more share these."""

DELIVERY_S = 60.0
CHUNK = 64 * 1024
AT_A_TURN = 16
TCP_CLOSED = 7

NewSocket = Callable[[Family], Awaitable[socket.socket]]


def reset(connection: socket.socket) -> None:
    """Close with a reset, so that the client fails at once instead of waiting."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@dataclass(frozen=True)
class Held:
    """A connection that waits for a backend, since `since` (monotonic seconds)."""

    client: socket.socket
    destination: Destination
    since: float


class Relay:
    """Connections that wait for a backend or are copied to one; how many may wait, `limits` says.

    `new_socket` makes the sockets to backends; `changed` is called when `refusing` says something else.
    """

    def __init__(
        self,
        state: DesiredState,
        new_socket: NewSocket,
        limits: Limits = LIMITS,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._state = state
        self._new_socket = new_socket
        self._shares = Shares(limits, changed)
        self._line = Line(state)
        self._waiting: dict[asyncio.Task[object], Held] = {}
        self._released: set[asyncio.Task[object]] = set()
        self._turn = 0
        self.copying = 0
        """How many connections are being copied."""

    @property
    def waiting(self) -> int:
        """How many connections wait."""
        return len(self._waiting)

    @property
    def refusing(self) -> tuple[str, ...]:
        """Why connections were refused lately, in words."""
        return self._shares.refusing

    async def serve(
        self, client: socket.socket, destination: Destination, since: float | None = None
    ) -> None:
        """Serve one accepted connection until both sides have ended. Owns and closes `client`."""
        behind = destination.behind(self._state)
        if behind is None:
            reset(client)
            return
        place = (behind.service_id, self._name_of(client))
        full = self._shares.enter(*place)
        if full:
            self._shares.note(full)
            reset(client)
            return
        try:
            backend = await self._wait(client, destination, since)
        finally:
            self._shares.leave(*place)
        if backend is not None:
            await self._copy(client, backend)

    def _name_of(self, client: socket.socket) -> str:
        """Its address; nothing where the machine has put its own in that one's place."""
        try:
            address = str(client.getpeername()[0])
        except OSError:  # it has gone already
            return ""
        return "" if address in self._state.gateways else address

    async def _wait(
        self, client: socket.socket, destination: Destination, since: float | None
    ) -> socket.socket | None:
        """Hold a client until a backend takes it; None where none did in time, which resets the client, or
        where another gate has it by now."""
        this = asyncio.current_task()
        assert this is not None
        held = Held(client, destination, asyncio.get_running_loop().time() if since is None else since)
        self._waiting[this] = held
        backend: socket.socket | None = None
        try:
            backend = await self._reach(held)
        except asyncio.CancelledError:
            if this in self._released:
                return None  # somebody else serves it now
            raise
        finally:
            del self._waiting[this]
            if backend is None and this not in self._released:
                reset(client)
            self._released.discard(this)
        return backend

    async def _copy(self, client: socket.socket, backend: socket.socket) -> None:
        self.copying += 1
        try:
            await copy_both(client, backend)
        finally:
            self.copying -= 1

    async def release(self) -> list[Held]:
        """Let go of all that wait, without closing them: another gate takes them."""
        waiting = dict(self._waiting)
        self._released |= waiting.keys()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return list(waiting.values())

    async def _reach(self, held: Held) -> socket.socket | None:
        """A connection to one of the backends, tried in turn, and again whenever others come; None when the
        time is over or the client has gone."""
        clock = asyncio.get_running_loop().time
        while (behind := held.destination.behind(self._state)) is not None and not _gone(held.client):
            left = held.since + behind.hold_s - clock()
            if left <= 0:
                return None
            for _ in behind.backends:
                self._turn += 1
                backend = behind.backends[self._turn % len(behind.backends)]
                connection = await _connect(backend, held.destination.port, self._new_socket, left)
                if connection is not None:
                    return connection
            retry_s = RETRY_S * max(1.0, self._line.ahead(held.destination) / RETRIES)
            await self._line.wait(
                held.client, held.destination, behind, min(left, retry_s) if behind.backends else left
            )
        return None

    def close(self) -> None:
        """No connection waits any more."""
        self._line.close()


async def _connect(backend: Backend, port: int, new_socket: NewSocket, left_s: float) -> socket.socket | None:
    connection = await new_socket(family_of(backend.address))
    try:
        async with asyncio.timeout(min(left_s, CONNECT_S)):
            await asyncio.get_running_loop().sock_connect(connection, (backend.address, port))
    except OSError:  # refused, unreachable, TimeoutError: the caller tries the next, or again
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _gone(client: socket.socket) -> bool:
    """Whether a held client was reset, or ended without having said anything."""
    poll = select.poll()
    poll.register(client, 0)
    if poll.poll(0):  # POLLERR and POLLHUP are told unasked
        return True
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


async def copy_both(client: socket.socket, backend: socket.socket) -> None:
    """Copy both ways until both have ended; an end of one direction is passed on as such, and a reset as a
    reset, but only when what came before it has arrived. Closes both."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(client, backend))
            group.create_task(_copy(backend, client))
    except* OSError:
        await asyncio.gather(_reset_when_delivered(client), _reset_when_delivered(backend))
    finally:
        client.close()
        backend.close()


async def _copy(source: socket.socket, sink: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, CHUNK):
        await loop.sock_sendall(sink, data)
    try:
        sink.shutdown(socket.SHUT_WR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise


async def _reset_when_delivered(connection: socket.socket) -> None:
    """A task that is drained may be done with an answer that a slow client is still reading here."""
    deadline = asyncio.get_running_loop().time() + DELIVERY_S
    while _undelivered(connection) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(RETRY_S)
    reset(connection)


def _undelivered(connection: socket.socket) -> int:
    """Bytes that were written and the peer has not acknowledged; 0 where the connection is gone."""
    try:
        if connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSED:
            return 0
        return int(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0\0\0\0"))[0])
    except OSError:
        return 0


class Acceptor:
    """Accepts on one listening socket and starts a task for each connection, until closed."""

    def __init__(
        self, listener: socket.socket, handle: Callable[[socket.socket], Awaitable[None]], name: str
    ) -> None:
        self._listener = listener
        self._handle = handle
        self._name = name
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._loop.add_reader(listener, self._accept)

    def _accept(self) -> None:
        """Accept some connections and begin to serve each; without descriptors, try again after a moment."""
        # accepted and begun in one breath: where the listener is handed over, no connection is in between
        for _ in range(AT_A_TURN):
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._loop.remove_reader(self._listener)
                    self._loop.call_later(0.1, self._again)
                    return
                continue  # the client was gone before we took it
            connection.setblocking(False)
            task = asyncio.create_task(self._run_handler(connection), name=f"serve {self._name}")
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    def _again(self) -> None:
        if self._open:
            self._loop.add_reader(self._listener, self._accept)

    async def _run_handler(self, connection: socket.socket) -> None:
        try:
            await self._handle(connection)
        except OSError:
            reset(connection)
        except asyncio.CancelledError:
            reset(connection)
            raise

    @property
    def handle(self) -> int:
        """The listening socket's descriptor."""
        return self._listener.fileno()

    async def finish(self) -> None:
        """Until every connection that was accepted has ended."""
        await asyncio.gather(*self._connections, return_exceptions=True)

    def stop_listening(self) -> None:
        """Close the listening socket; connections that are being served live on."""
        self._open = False
        self._loop.remove_reader(self._listener)
        self._listener.close()
