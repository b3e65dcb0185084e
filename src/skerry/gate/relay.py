"""Hand a connection over to a backend: wait for one, connect, copy both ways."""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

from skerry.gate.board import Board
from skerry.model.traffic import Backend

HELD_LIMIT = 4096
CONNECT_S = 2.0
RETRY_S = 0.05
LOOK_S = 1.0
"""How often a held connection is looked at for a client that went away."""

CHUNK = 64 * 1024

Behind = Callable[[], tuple[tuple[Backend, ...], float] | None]
NewSocket = Callable[[], Awaitable[socket.socket]]


def reset(connection: socket.socket) -> None:
    """Close with a reset, so that the client fails at once instead of waiting."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Relay:
    """Connections that wait for a backend or are copied to one; at most `HELD_LIMIT` wait at a time."""

    def __init__(self, board: Board, held_limit: int = HELD_LIMIT) -> None:
        self._board = board
        self._limit = held_limit
        self._waiting = 0
        self._turn = 0

    @property
    def waiting(self) -> int:
        """How many connections wait."""
        return self._waiting

    async def serve(self, client: socket.socket, behind: Behind, port: int, new_socket: NewSocket) -> None:
        """Serve one accepted connection until both sides have ended. Owns and closes `client`."""
        backend: socket.socket | None = None
        if self._waiting >= self._limit:
            reset(client)
            return
        self._waiting += 1
        try:
            backend = await self._reach(client, behind, port, new_socket)
        finally:
            self._waiting -= 1
            if backend is None:
                reset(client)
        if backend is not None:
            await copy_both(client, backend)

    async def _reach(
        self, client: socket.socket, behind: Behind, port: int, new_socket: NewSocket
    ) -> socket.socket | None:
        clock = asyncio.get_running_loop().time
        since = clock()
        while (known := behind()) is not None and not _gone(client):
            backends, hold_s = known
            left = since + hold_s - clock()
            if left <= 0:
                return None
            for _ in backends:
                self._turn += 1
                reached = await _connect(backends[self._turn % len(backends)], port, new_socket, left)
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
    """Copy both ways until both have ended; an end of one direction is passed on as such. Closes both."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(one, other))
            group.create_task(_copy(other, one))
    except* OSError:
        reset(one)
        reset(other)
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


class Acceptor:
    """Accepts on one listening socket and starts a task for each connection, until closed."""

    def __init__(
        self, listener: socket.socket, handle: Callable[[socket.socket], Awaitable[None]], name: str
    ) -> None:
        self._listener = listener
        self._handle = handle
        self._name = name
        self._connections: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept(), name=f"accept {name}")

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    continue  # the client was gone before we took it
                await asyncio.sleep(0.1)
                continue
            connection.setblocking(False)
            task = asyncio.create_task(self._one(connection), name=f"serve {self._name}")
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    async def _one(self, connection: socket.socket) -> None:
        try:
            await self._handle(connection)
        except OSError:
            reset(connection)
        except asyncio.CancelledError:
            reset(connection)
            raise

    def stop_listening(self) -> None:
        """Close the listening socket; connections that are being served live on."""
        self._accepting.cancel()
        self._listener.close()
