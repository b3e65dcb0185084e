"""Announcing an address by ARP: whoever knows another hardware address for it forgets that one (RFC 5227)."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from skerry.linux.rtnetlink import Rtnetlink

ETH_P_ARP = 0x0806
EVERYBODY = b"\xff" * 6
_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
"""Hardware and protocol, the lengths of their addresses, what it is; sender and target."""
ETHERNET, IPV4, REQUEST = 1, 0x0800, 1


class Announcer:
    """Announces every address of the namespace in which it is made, each on its own link. Its making blocks.
    Raises OSError."""

    def __init__(self) -> None:
        self._frames: list[tuple[socket.socket, bytes]] = []
        with Rtnetlink() as route:
            links = {link.index: link for link in route.links()}
            addresses = route.addresses()
        with ExitStack() as opened:
            for index, address in addresses:
                link = links.get(index)
                if link is not None and link.up and any(link.mac):
                    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK)
                    opened.enter_context(made).bind((link.name, 0))
                    self._frames.append((made, announcement(link.mac, address)))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._opened.close()

    def announce(self) -> None:
        """Tell all neighbours."""
        for made, frame in self._frames:
            made.send(frame)


def announcement(mac: bytes, address: str) -> bytes:
    """The frame that says whose an address is."""
    own = socket.inet_aton(address)
    body = _ARP.pack(ETHERNET, IPV4, len(mac), len(own), REQUEST, mac, own, bytes(6), own)
    return _ETHERNET.pack(EVERYBODY, mac, ETH_P_ARP) + body
