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
from skerry.linux.families import spoken
from skerry.model.family import FOUR, Family, unpacked

SO_ORIGINAL_DST = 80
"""The same number at the level of either family."""
BACKLOG = 4096
FIRST_WORD_S = 5.0


class Namespace:
    """Makes sockets inside the gate's namespace, by one thread that lives there."""

    def __init__(self, path: Path | None) -> None:
        initializer = partial(netns.enter, path) if path else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gate-netns", initializer=initializer)
        self.inode = netns.inode(path or netns.OWN) or 0

    async def tcp(self, family: Family = FOUR) -> socket.socket:
        """A new, non-blocking TCP socket."""
        return await self._make(family, socket.SOCK_STREAM)

    async def udp(self, family: Family = FOUR) -> socket.socket:
        """A new, non-blocking UDP socket."""
        return await self._make(family, socket.SOCK_DGRAM)

    async def _make(self, family: Family, kind: socket.SocketKind) -> socket.socket:
        make = partial(socket.socket, family.number, kind | socket.SOCK_NONBLOCK)
        return await asyncio.get_running_loop().run_in_executor(self._thread, make)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)


_DESTINATIONS = {
    socket.AF_INET: (socket.SOL_IP, 16, "!2xH4s8x"),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 28, "!2xH4x16s4x"),
}
"""How the kernel tells a destination: the option's level, and the address as a structure with its size."""


def original_destination(connection: socket.socket) -> tuple[str, int]:
    """Where a redirected connection wanted to go; its own local address if it was not redirected."""
    level, size, form = _DESTINATIONS[connection.family]
    try:
        raw = connection.getsockopt(level, SO_ORIGINAL_DST, size)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        address, port = connection.getsockname()[:2]
        return str(address), int(port)
    port, octets = struct.unpack(form, raw)
    return unpacked(octets), port


def key_of(family: Family) -> str:
    """What the hold's listening socket of a family is called among those that are handed over."""
    return "" if family is FOUR else family.word


class Hold:
    """The hold's listeners, one for each family."""

    def __init__(self, state: DesiredState, relay: Relay, namespace: Namespace, inherited: Inherited) -> None:
        self._state = state
        self._relay = relay
        self._namespace = namespace
        self._inherited = inherited
        self._acceptors: dict[str, Acceptor] = {}

    async def start(self, port: int = HOLD_PORT) -> int:
        """Listen; the port number is returned. Raises OSError."""
        for family in spoken():
            key = key_of(family)
            listener = self._inherited.get("hold", key) or await self._listen(family, port)
            self._acceptors[key] = Acceptor(listener, self._serve, f"hold {family.word}")
            port = int(listener.getsockname()[1])
        return port

    async def _listen(self, family: Family, port: int) -> socket.socket:
        listener = await self._namespace.tcp(family)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is not FOUR:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(("", port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener

    async def _serve(self, client: socket.socket) -> None:
        vip, port = original_destination(client)
        if not self._state.desired.serial:  # the gate was started a moment ago, and is told at once
            await self._state.newer(FIRST_WORD_S)
        await self._relay.serve(client, Destination(vip, port))

    def parcel(self) -> Parcel:
        """The listening sockets, for another gate."""
        return [(Item("hold", key), acceptor.handle) for key, acceptor in self._acceptors.items()]

    def stop(self) -> None:
        """Take no more connections."""
        for acceptor in self._acceptors.values():
            acceptor.stop_listening()
