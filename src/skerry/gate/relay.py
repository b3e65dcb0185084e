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

from skerry.gate.board import Board
from skerry.model.traffic import Backend

HELD_LIMIT = 4096
CONNECT_S = 2.0
RETRY_S = 0.05
LOOK_S = 1.0
"""How often a held connection is looked at for a client that went away."""

DELIVERY_S = 60.0
CHUNK = 64 * 1024
AT_A_TURN = 64
TCP_CLOSED = 7

NewSocket = Callable[[], Awaitable[socket.socket]]


def reset(connection: socket.socket) -> None:
    """Close with a reset, so that the client fails at once instead of waiting."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@dataclass(frozen=True)
class Wanted:
    """What a connection wants: a VIP's backends, or (`published`) those of a port's key, at `port`."""

    key: str
    port: int
    published: bool = False

    def behind(self, board: Board) -> tuple[tuple[Backend, ...], float] | None:
        """Who serves that now, and how long it is held for (s); None where nobody ever will."""
        return board.behind_port(self.key) if self.published else board.behind_vip(self.key)


@dataclass(frozen=True)
class Held:
    """A connection that waits for a backend, since `since` (monotonic seconds)."""

    client: socket.socket
    wanted: Wanted
    since: float


class Relay:
    """Connections that wait for a backend or are copied to one; at most `held_limit` wait at a time.

    `new_socket` makes the sockets to backends.
    """

    def __init__(self, board: Board, new_socket: NewSocket, held_limit: int = HELD_LIMIT) -> None:
        self._board = board
        self._new_socket = new_socket
        self._limit = held_limit
        self._waiting: dict[asyncio.Task[object], Held] = {}
        self._released: set[asyncio.Task[object]] = set()
        self._turn = 0
        self.copying = 0
        """How many connections are being copied."""

    @property
    def waiting(self) -> int:
        """How many connections wait."""
        return len(self._waiting)

    async def serve(self, client: socket.socket, wanted: Wanted, since: float | None = None) -> None:
        """Serve one accepted connection until both sides have ended. Owns and closes `client`."""
        if len(self._waiting) >= self._limit:
            reset(client)
            return
        this = asyncio.current_task()
        assert this is not None
        held = Held(client, wanted, asyncio.get_running_loop().time() if since is None else since)
        self._waiting[this] = held
        backend: socket.socket | None = None
        try:
            backend = await self._reach(held)
        except asyncio.CancelledError:
            if this in self._released:
                return  # somebody else serves it now
            raise
        finally:
            del self._waiting[this]
            if backend is None and this not in self._released:
                reset(client)
            self._released.discard(this)
        if backend is not None:
            await self._copy(client, backend)

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
        clock = asyncio.get_running_loop().time
        while (known := held.wanted.behind(self._board)) is not None and not _gone(held.client):
            backends, hold_s = known
            left = held.since + hold_s - clock()
            if left <= 0:
                return None
            for _ in backends:
                self._turn += 1
                chosen = backends[self._turn % len(backends)]
                reached = await _connect(chosen, held.wanted.port, self._new_socket, left)
                if reached is not None:
                    return reached
            await self._board.newer(min(left, RETRY_S if backends else LOOK_S))
        return None


async def _connect(backend: Backend, port: int, new_socket: NewSocket, left_s: float) -> socket.socket | None:
    connection = await new_socket()
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


async def copy_both(one: socket.socket, other: socket.socket) -> None:
    """Copy both ways until both have ended; an end of one direction is passed on as such, and a reset as a
    reset, but only when what came before it has arrived. Closes both."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(one, other))
            group.create_task(_copy(other, one))
    except* OSError:
        await asyncio.gather(_reset_when_delivered(one), _reset_when_delivered(other))
    finally:
        one.close()
        other.close()


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
            task = asyncio.create_task(self._one(connection), name=f"serve {self._name}")
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    def _again(self) -> None:
        if self._open:
            self._loop.add_reader(self._listener, self._accept)

    async def _one(self, connection: socket.socket) -> None:
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
