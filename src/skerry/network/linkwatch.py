"""Notices when a link of ours is taken away, set down or left without its address: the kernel tells."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator

from skerry.network.netlink import attributes

_ROUTE, _LINKS, _ADDRESSES = 0, 0x1, 0x10  # NETLINK_ROUTE, RTMGRP_LINK, RTMGRP_IPV4_IFADDR
_NEW_LINK, _DELETE_LINK, _DELETE_ADDRESS = 16, 17, 21
_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBi")
_NAME, _LABEL = 3, 3
_UP = 1
OURS = ("sk-", "sl-")
"""How our bridges and legs begin, those of every instance."""


def losses(data: bytes) -> Iterator[str]:
    """The names of our links that the kernel's messages tell to be gone, down, or without an address."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        name = _lost(kind, data[at + _HEADER.size : at + length])
        at += (length + 3) & ~3
        if name.startswith(OURS):
            yield name


def _lost(kind: int, body: bytes) -> str:
    """The link that a message tells a loss of; empty for any other message."""
    if kind == _DELETE_ADDRESS and len(body) >= _ADDRESS.size:
        return _text(body[_ADDRESS.size :], _LABEL)
    if kind not in (_NEW_LINK, _DELETE_LINK) or len(body) < _LINK.size:
        return ""
    family, _, _, flags, _ = _LINK.unpack_from(body)
    gone = kind == _DELETE_LINK  # of the family AF_BRIDGE: only unplugged from its bridge
    return _text(body[_LINK.size :], _NAME) if gone or (family == 0 and not flags & _UP) else ""


def _text(data: bytes, kind: int) -> str:
    return attributes(data).get(kind, b"").rstrip(b"\0").decode(errors="replace")


class LinkWatch:
    """Calls `lost` after each loss, until closed; our own hand is heard, too."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _ROUTE)
        self._socket.bind((0, _LINKS | _ADDRESSES))
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
