"""Notices when a link of ours is taken away or set down: the kernel tells of links, nobody has to ask."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator

from skerry.network.netlink import attributes

_ROUTE, _LINKS = 0, 1  # NETLINK_ROUTE, RTMGRP_LINK
_NEW_LINK, _DELETE_LINK = 16, 17
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_NAME = 3
_UP = 1
OURS = ("sk-", "sl-")
"""How our bridges and legs begin, those of every instance."""


def losses(data: bytes) -> Iterator[str]:
    """The names of our links that the kernel's messages tell to be gone, or down."""
    at = 0
    while at + _HEADER.size + _LINK.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size + _LINK.size:
            return
        body = data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3
        if kind not in (_NEW_LINK, _DELETE_LINK):
            continue
        family, _, _, flags, _ = _LINK.unpack_from(body)
        name = attributes(body[_LINK.size :]).get(_NAME, b"").rstrip(b"\0").decode(errors="replace")
        gone = kind == _DELETE_LINK  # of the family AF_BRIDGE: only unplugged from its bridge
        if name.startswith(OURS) and (gone or (family == socket.AF_UNSPEC and not flags & _UP)):
            yield name


class LinkWatch:
    """Calls `lost` after each loss, until closed; our own hand is heard, too."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _ROUTE)
        self._socket.bind((0, _LINKS))
        asyncio.get_running_loop().add_reader(self._socket, self._heard)

    def _heard(self) -> None:
        try:
            while data := self._socket.recv(1 << 16):
                if any(losses(data)):
                    self._lost()
        except BlockingIOError:
            pass
        except OSError:  # more was told than the buffer takes: anything may be gone
            self._lost()

    def close(self) -> None:
        """Listen no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
