"""skerryd's end of `<run>/gate.door`: the API's listening socket outlives skerryd with the gate.

Whoever has the socket's file bind-mounted keeps the same inode, and whoever connects while no skerryd serves
waits in the kernel for the next one.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

from skerry.gate import handover
from skerry.gate.handover import API, Item

START_S = 5.0
"""How long a gate that has just started may take to open the door."""
RETRY_S = 0.1


class DoorLink:
    """The connection to the gate, made again where the gate is killed or replaced."""

    def __init__(self, run_dir: Path) -> None:
        self._door = run_dir / "gate.door"
        self._connection: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def taken(self, path: Path) -> socket.socket | None:
        """The socket that a former skerryd left; None where that is not the one whose file is at `path`."""
        try:
            async with asyncio.timeout(START_S):
                parcel = await self._connect()
        except TimeoutError:
            return None
        for item, handle in parcel:
            if item == Item(API, _key(path)):
                return socket.socket(fileno=handle)
        handover.close_all(parcel)
        return None

    def keep(self, path: Path, listener: socket.socket) -> None:
        """Have the gate keep this socket, whose file is at `path`, from now on."""
        self._listener = listener.dup()
        self._keeper = asyncio.create_task(self._keep(Item(API, _key(path))), name="door link")

    async def close(self) -> None:
        """Leave the socket to the gate."""
        if self._keeper is not None:
            self._keeper.cancel()
        self._hang_up()
        if self._keeper is not None:
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    async def _keep(self, item: Item) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if self._connection is None:
                handover.close_all(await self._connect())
            assert self._connection is not None
            assert self._listener is not None
            with suppress(OSError):
                parcel = [(item, self._listener.fileno())]
                await asyncio.to_thread(handover.give, self._connection, parcel)
                self._connection.setblocking(False)
                await loop.sock_recv(self._connection, 1)  # until the gate ends
            self._hang_up()

    async def _connect(self) -> handover.Parcel:
        """Connect as soon as there is a gate; what it keeps."""
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._connection = connection
            try:
                connection.settimeout(handover.ROW_S)
                await asyncio.to_thread(connection.connect, str(self._door))
                return await asyncio.to_thread(handover.take, connection)
            except OSError:
                self._hang_up()
                await asyncio.sleep(RETRY_S)

    def _hang_up(self) -> None:
        if self._connection is not None:
            with suppress(OSError):  # wakes whoever waits there
                self._connection.shutdown(socket.SHUT_RDWR)
            self._connection.close()
            self._connection = None


def _key(path: Path) -> str:
    try:
        return f"{path.stat().st_ino}:{path}"
    except OSError:
        return ""
