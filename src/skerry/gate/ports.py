"""Published ports: a listening socket of ours on the host reserves each number.

What the kernel translates does not get here: all of IPv4, and IPv6 where the service's network has it. What
arrives is other IPv6, or slipped through while the table changed, and is relayed. A port of UDP or SCTP is
only bound: that reserves it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Iterable
from functools import partial

from skerry.gate.desired_state import Destination
from skerry.gate.relay import Acceptor, Relay, reset
from skerry.gate.sctp import reserve_sctp
from skerry.gate.socket_passing import Inherited, Item, Parcel
from skerry.model.traffic import PublishedPort

RETRY_S = 0.5
BACKLOG = 1024
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def reserve(protocol: str, port: int) -> socket.socket:
    """Bind a port on every address of this machine, both families; TCP listens. Raises OSError."""
    if protocol == "sctp":
        return reserve_sctp(port)
    try:
        return _bound(socket.AF_INET6, "::", protocol, port)
    except OSError as error:
        if error.errno not in _NO_IPV6:
            raise
        return _bound(socket.AF_INET, "0.0.0.0", protocol, port)


def _bound(family: socket.AddressFamily, address: str, protocol: str, port: int) -> socket.socket:
    """A socket bound to an address and a port; for TCP it listens. Raises OSError."""
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    bound = socket.socket(family, kind | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if protocol == "tcp":  # connections of a former gate may linger; listeners still conflict
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        if protocol == "tcp":
            bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _reason(error: OSError) -> str:
    """As a part of a sentence."""
    text = error.strerror or os.strerror(error.errno or 0)
    return text[:1].lower() + text[1:]


class Ports:
    """The reserved ports, and why others are refused; `publish` is called when that changes by itself."""

    def __init__(self, relay: Relay, publish: Callable[[], None], inherited: Inherited) -> None:
        self._relay = relay
        self._publish = publish
        self._inherited = inherited
        self._wanted: dict[str, PublishedPort] = {}
        self._held: dict[str, Acceptor | socket.socket] = {}
        self.refused: dict[str, str] = {}

    @property
    def reserved(self) -> tuple[str, ...]:
        """Keys of the ports that are held."""
        return tuple(sorted(self._held))

    def update(self, ports: Iterable[PublishedPort]) -> None:
        """Hold exactly these ports, as far as they are free."""
        self._wanted = {port.key: port for port in ports}
        for key in self._held.keys() - self._wanted.keys():
            self._release(key)
        self._try()

    def _try(self) -> None:
        refused: dict[str, str] = {}
        for key, port in self._wanted.items():
            if key in self._held:
                continue
            try:
                self._hold(port)
            except OSError as error:
                refused[key] = _reason(error)
        self.refused = refused

    def _hold(self, port: PublishedPort) -> None:
        bound = self._inherited.get("port", port.key) or reserve(port.protocol, port.port)
        name = f"port {port.key}"
        self._held[port.key] = (
            Acceptor(bound, partial(self._serve, port.key), name) if port.protocol == "tcp" else bound
        )

    async def _serve(self, key: str, client: socket.socket) -> None:
        port = self._wanted.get(key)
        if port is None:
            reset(client)
            return
        await self._relay.serve(client, Destination(key, port.target, published=True))

    def parcel(self) -> Parcel:
        """The sockets of all ports, for another gate."""
        return [
            (Item("port", key), held.handle if isinstance(held, Acceptor) else held.fileno())
            for key, held in self._held.items()
        ]

    def _release(self, key: str) -> None:
        held = self._held.pop(key)
        if isinstance(held, Acceptor):
            held.stop_listening()
        else:
            held.close()

    async def retry_for_ever(self) -> None:
        """Try the refused ports again every half second."""
        while True:
            await asyncio.sleep(RETRY_S)
            if not self.refused:
                continue
            before = self.refused
            self._try()
            if self.refused != before:
                self._publish()

    def stop(self) -> None:
        """Let go of every port."""
        self.close_all()
        self._wanted = {}

    def close_all(self) -> None:
        """Close the sockets; who was accepted still finds what the port stands for."""
        self.refused = {}
        for key in list(self._held):
            self._release(key)
