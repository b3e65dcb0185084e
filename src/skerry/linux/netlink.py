"""Netlink sockets: requests that are answered, and messages that the kernel sends by itself.

Just enough for inet_diag, conntrack, nf_tables and rtnetlink, at a few microseconds a message: a library that
decodes every field of every message is too slow for ten thousand flows.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from skerry.linux import netlink_filter

NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_NETFILTER = 0, 4, 12
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF
NLMSG_ERROR, NLMSG_DONE = 2, 3
_NLMSGHDR = struct.Struct("=IHHII")  # length, type, flags, sequence, port
HEADER_SIZE = _NLMSGHDR.size
_NLATTR = struct.Struct("=HH")  # length, type
_NFGENMSG = struct.Struct("!BBH")  # family, version, resource
BUFFER = 1 << 20
DATAGRAM = 1 << 16
"""More than the kernel puts into one. What is much larger would be mapped and unmapped for each answer."""
TIMEOUT_S = 2.0


class Message(NamedTuple):
    """One message of the kernel's. `port` is the socket that it answers, or whose request it tells about."""

    kind: int
    sequence: int
    port: int
    body: bytes


def messages(data: bytes) -> Iterator[Message]:
    """Split what was received; the rest of a message that is cut off or too short is left out."""
    at = 0
    while at + _NLMSGHDR.size <= len(data):
        length, kind, _, sequence, port = _NLMSGHDR.unpack_from(data, at)
        if length < _NLMSGHDR.size:
            return
        yield Message(kind, sequence, port, data[at + _NLMSGHDR.size : at + length])
        at += (length + 3) & ~3


class Netlink:
    """One socket of one netlink protocol, in the network namespace of the thread that makes it. Blocks.

    Requests raise OSError with the kernel's code.
    """

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.settimeout(TIMEOUT_S)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()

    def request(self, kind: int, flags: int, payload: bytes) -> Iterator[bytes]:
        """Send one message; yield the payload of each answer, up to the acknowledgement."""
        self._socket.send(self._packed(kind, flags, payload))
        while True:
            for answer in messages(self._socket.recv(DATAGRAM)):
                if answer.sequence != self._sequence:
                    continue  # the rest of a request that was given up
                if answer.kind == NLMSG_DONE:
                    return
                if answer.kind == NLMSG_ERROR:
                    _raise_for(answer.body)
                    return
                yield answer.body

    def do(self, kind: int, payload: bytes, flags: int = 0, refusals: Collection[int] = ()) -> bool:
        """Send one message that is only acknowledged; False where it is refused with one of `refusals`."""
        try:
            for _ in self.request(kind, flags | NLM_F_ACK, payload):
                pass
        except OSError as error:
            if error.errno not in refusals:
                raise
            return False
        return True

    def batch(self, requests: Sequence[tuple[int, int, bytes]]) -> None:
        """Send several messages (type, flags, payload) at once, and wait for the acknowledgements."""
        before = self._sequence
        self._socket.send(b"".join(self._packed(*request) for request in requests))
        unanswered = sum(flags & NLM_F_ACK != 0 for _, flags, _ in requests)
        while unanswered > 0:
            for answer in messages(self._socket.recv(DATAGRAM)):
                if answer.kind == NLMSG_ERROR and answer.sequence > before:
                    _raise_for(answer.body)
                    unanswered -= 1

    def _packed(self, kind: int, flags: int, payload: bytes) -> bytes:
        self._sequence += 1
        length = _NLMSGHDR.size + len(payload)
        return _NLMSGHDR.pack(length, kind, flags | NLM_F_REQUEST, self._sequence, 0) + payload

    def close(self) -> None:
        """Close it."""
        self._socket.close()


class Subscription:
    """Calls `changed` after each message of some multicast groups that `concerns` the subscriber; it is asked
    about those of some types.

    Also after an overflow, when there was more than the buffer takes: anything may have changed.
    """

    def __init__(
        self,
        protocol: int,
        groups: Iterable[int],
        kinds: Sequence[int],
        concerns: Callable[[Message], bool],
        changed: Callable[[], None],
        named: netlink_filter.Named | None = None,
    ) -> None:
        self._concerns = concerns
        self._changed = changed
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
        netlink_filter.attach(self._socket, kinds, named)
        self._socket.bind((0, sum(1 << (group - 1) for group in groups)))
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        try:
            while data := self._socket.recv(DATAGRAM):
                if any(map(self._concerns, messages(data))):
                    self._changed()
        except BlockingIOError:
            pass
        except OSError:  # an overflow
            self._changed()

    def close(self) -> None:
        """Listen no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


def _raise_for(body: bytes) -> None:
    """Raise the OSError of an NLMSG_ERROR; code 0 is an acknowledgement."""
    code = -int(struct.unpack_from("=i", body)[0])
    if code:
        raise OSError(code, os.strerror(code))


def attributes(data: bytes) -> dict[int, bytes]:
    """Split a run of attributes into type (without flags) and value."""
    values: dict[int, bytes] = {}
    at = 0
    while at + _NLATTR.size <= len(data):
        length, kind = _NLATTR.unpack_from(data, at)
        if length < _NLATTR.size:
            break
        values[kind & NLA_TYPE_MASK] = data[at + _NLATTR.size : at + length]
        at += (length + 3) & ~3
    return values


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return _NLATTR.pack(len(value) + _NLATTR.size, kind) + value + b"\0" * (-len(value) % 4)


def nested(kind: int, *inner: bytes) -> bytes:
    """One attribute that consists of others."""
    return attribute(kind | NLA_F_NESTED, b"".join(inner))


def text(kind: int, value: str) -> bytes:
    """One attribute that is a string."""
    return attribute(kind, value.encode() + b"\0")


def string(value: bytes) -> str:
    """The string of an attribute's value."""
    return value.rstrip(b"\0").decode(errors="replace")


def netfilter(family: int, version: int = 0, resource: int = 0) -> bytes:
    """What each message to the netfilter subsystems begins with."""
    return _NFGENMSG.pack(family, version, resource)
