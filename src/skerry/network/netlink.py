"""A plain netlink socket: just enough for inet_diag, conntrack and rtnetlink at a few microseconds a message.

A library that decodes every field of every message is too slow for ten thousand flows.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP = 0x300
NLA_F_NESTED = 0x8000
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
BUFFER = 1 << 20
TIMEOUT_S = 2.0


class Netlink:
    """One socket of one netlink protocol, in the network namespace of the thread that makes it. Blocks."""

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.settimeout(TIMEOUT_S)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.bind((0, 0))
        self._sequence = 0

    def request(self, kind: int, flags: int, payload: bytes) -> Iterator[bytes]:
        """Send one message; yield the payload of each answer. Raises OSError with the kernel's code."""
        self._sequence += 1
        head = _HEADER.pack(_HEADER.size + len(payload), kind, flags | NLM_F_REQUEST, self._sequence, 0)
        self._socket.send(head + payload)
        while True:
            data = self._socket.recv(BUFFER)
            at = 0
            while at + _HEADER.size <= len(data):
                length, answer, _, sequence, _ = _HEADER.unpack_from(data, at)
                body = data[at + _HEADER.size : at + length]
                at += (length + 3) & ~3
                if sequence != self._sequence:
                    continue  # the rest of a request that was given up
                if answer == _NLMSG_DONE:
                    return
                if answer == _NLMSG_ERROR:
                    code = -int(struct.unpack_from("=i", body)[0])
                    if code:
                        raise OSError(code, os.strerror(code))
                    return
                yield body

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def attributes(data: bytes) -> dict[int, bytes]:
    """Split a run of attributes into type (without flags) and value."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return _ATTRIBUTE.pack(len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)
