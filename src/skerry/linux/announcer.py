"""Tells the neighbours of a namespace whose its addresses are, by ARP and by neighbour discovery."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from skerry.linux import arp, nd
from skerry.linux.families import spoken
from skerry.linux.rtnetlink import Rtnetlink

LINK_LOCAL = "fe80:"
"""Addresses that are made of a link's own are nobody else's."""


class Announcer:
    """Announces every address of the namespace in which it is made, each on its own link. Its making blocks.
    Raises OSError."""

    def __init__(self) -> None:
        self._frames: list[tuple[socket.socket, bytes]] = []
        with Rtnetlink() as route:
            links = {link.index: link for link in route.links()}
            addresses = [pair for family in spoken() for pair in route.addresses(family)]
        with ExitStack() as opened:
            for index, address in addresses:
                link = links.get(index)
                if link is not None and link.up and any(link.mac) and not address.startswith(LINK_LOCAL):
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
    """The frame that says whose an address is, as its family has it."""
    return nd.announcement(mac, address) if ":" in address else arp.announcement(mac, address)
