"""The hold: every TCP connection to a VIP without a rule in the host's table arrives here."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from skerry.gate.desired_state import DesiredState, Destination
from skerry.gate.message import HOLD_PORT
from skerry.gate.relay import Acceptor, Relay
from skerry.gate.socket_passing import Inherited, Item, Parcel
from skerry.linux import netns

SO_ORIGINAL_DST = 80
BACKLOG = 4096
FIRST_WORD_S = 5.0


class Namespace:
    """Makes sockets inside the gate's namespace, by one thread that lives there."""

    def __init__(self, path: Path | None) -> None:
        initializer = partial(netns.enter, path) if path else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gate-netns", initializer=initializer)
        self.inode = netns.inode(path or netns.OWN) or 0

    async def tcp(self) -> socket.socket:
        """A new, non-blocking IPv4 TCP socket."""
        return await self._make(socket.SOCK_STREAM)

    async def udp(self) -> socket.socket:
        """A new, non-blocking IPv4 UDP socket."""
        return await self._make(socket.SOCK_DGRAM)

    async def _make(self, kind: socket.SocketKind) -> socket.socket:
        make = partial(socket.socket, socket.AF_INET, kind | socket.SOCK_NONBLOCK)
        return await asyncio.get_running_loop().run_in_executor(self._thread, make)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)


def original_destination(connection: socket.socket) -> tuple[str, int]:
    """Where a redirected connection wanted to go; its own local address if it was not redirected."""
    try:
        raw = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        address, port = connection.getsockname()[:2]
        return str(address), int(port)
    port, packed = struct.unpack("!2xH4s8x", raw)
    return socket.inet_ntoa(packed), port


class Hold:
    """The hold listener."""

    def __init__(self, state: DesiredState, relay: Relay, namespace: Namespace, inherited: Inherited) -> None:
        self._state = state
        self._relay = relay
        self._namespace = namespace
        self._inherited = inherited
        self._acceptor: Acceptor | None = None

    async def start(self, port: int = HOLD_PORT) -> int:
        """Listen; the port number is returned. Raises OSError."""
        listener = self._inherited.get("hold")
        if listener is None:
            listener = await self._namespace.tcp()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("0.0.0.0", port))
            listener.listen(BACKLOG)
        self._acceptor = Acceptor(listener, self._serve, "hold")
        return int(listener.getsockname()[1])

    async def _serve(self, client: socket.socket) -> None:
        vip, port = original_destination(client)
        if not self._state.desired.serial:  # the gate was started a moment ago, and is told at once
            await self._state.newer(FIRST_WORD_S)
        await self._relay.serve(client, Destination(vip, port))

    def parcel(self) -> Parcel:
        """The listening socket, for another gate."""
        return [(Item("hold"), self._acceptor.handle)] if self._acceptor else []

    def stop(self) -> None:
        """Take no more connections."""
        if self._acceptor:
            self._acceptor.stop_listening()
