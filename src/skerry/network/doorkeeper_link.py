"""skerryd's end of `<run>/gate.door`: the API's listening sockets outlive skerryd with the gate.

Whoever has the socket's file bind-mounted keeps the same inode, and whoever connects while no skerryd serves
waits in the kernel for the next one.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from skerry.gate import socket_passing
from skerry.gate.socket_passing import API, API_TLS, Item
from skerry.model.settings import GatePaths

RETRY_S = 0.1


class DoorkeeperLink:
    """The connection to the gate, made again where the gate is killed or replaced. `path` is the socket's
    file."""

    def __init__(self, run_dir: Path, path: Path) -> None:
        self.inherited: socket.socket | None = None
        """The listening socket that a former skerryd left."""
        self._left: dict[str, socket.socket] = {}
        """Those at addresses of the network that it left, by `tcp://HOST:PORT`."""
        self._remote: dict[str, socket.socket] = {}
        """Those that are to be kept."""
        self._door = GatePaths(run_dir).door
        self._path = path
        self._connection: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Take what the gate keeps, if one runs; a socket whose file is gone or another is let go of."""
        try:
            parcel = await self._connect()
        except OSError:
            return
        for item, handle in parcel:
            if item == Item(API, self._key):
                self.inherited = socket.socket(fileno=handle)
            elif item.kind == API_TLS:
                self._left[item.key] = socket.socket(fileno=handle)
            else:
                os.close(handle)

    def keep(self, listener: socket.socket) -> None:
        """Have the gate keep this socket from now on."""
        self._listener = listener.dup()
        self._keeper = asyncio.create_task(self._keep(), name="door link")

    def inherit(self, address: str) -> socket.socket | None:
        """The socket that a former skerryd left at an address of the network; it is then the caller's."""
        return self._left.pop(address, None)

    def keep_remote(self, listeners: Mapping[str, socket.socket]) -> None:
        """Have the gate keep these from now on, by their addresses, and none that it kept before."""
        _close(self._left)
        _close(self._remote)
        self._remote = {address: sock.dup() for address, sock in listeners.items()}
        if self._connection is not None:
            with suppress(OSError):  # they are given with the next connection
                self._connection.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Leave the sockets to the gate."""
        if self._keeper is not None:
            self._keeper.cancel()
        self._disconnect()
        if self._keeper is not None:
            await asyncio.gather(self._keeper, return_exceptions=True)
        for listener in (self._listener, self.inherited):
            if listener is not None:
                listener.close()
        _close(self._left)
        _close(self._remote)

    async def _keep(self) -> None:
        item = Item(API, self._key)
        while True:
            with suppress(OSError):
                await self._give(item)
            self._disconnect()
            await asyncio.sleep(RETRY_S)

    async def _give(self, item: Item) -> None:
        """Give the sockets to the gate, and wait for that one's end. Raises OSError."""
        if self._connection is None:
            socket_passing.close_all(await self._connect())
        assert self._connection is not None
        assert self._listener is not None
        remote = [(Item(API_TLS, address), sock.fileno()) for address, sock in self._remote.items()]
        # the one with a file comes last: a gate of a former version keeps that
        parcel = [*remote, (item, self._listener.fileno())]
        await asyncio.to_thread(socket_passing.give, self._connection, parcel)
        self._connection.setblocking(False)
        await asyncio.get_running_loop().sock_recv(self._connection, 1)

    async def _connect(self) -> socket_passing.Parcel:
        """Connect to the gate; what it keeps. Raises OSError."""
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._connection.settimeout(socket_passing.ROW_S)
            await asyncio.to_thread(self._connection.connect, str(self._door))
            return await asyncio.to_thread(socket_passing.take, self._connection)
        except OSError:
            self._disconnect()
            raise

    @property
    def _key(self) -> str:
        """Which file it is: numbers of inodes are given again, with another time."""
        try:
            file = self._path.stat()
        except OSError:
            return ""
        return f"{file.st_ino}.{file.st_mtime_ns}:{self._path}"

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(OSError):  # wakes whoever waits there
                self._connection.shutdown(socket.SHUT_RDWR)
            self._connection.close()
            self._connection = None


def _close(sockets: dict[str, socket.socket]) -> None:
    for sock in sockets.values():
        sock.close()
    sockets.clear()
