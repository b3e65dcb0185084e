"""Sockets of a network namespace by inet_diag, and closing one from the kernel's side."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from pathlib import Path

from skerry.linux.netlink import NETLINK_SOCK_DIAG, NLM_F_DUMP, Netlink, attributes
from skerry.linux.netns import inside
from skerry.model.family import is_loopback
from skerry.model.listening import ListeningSocket

ESTABLISHED, SYN_RECV, FIN_WAIT1, CLOSE, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING = 1, 3, 4, 7, 8, 9, 10, 11
_STATES = sum(
    1 << state for state in (ESTABLISHED, SYN_RECV, FIN_WAIT1, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING)
)
SOCK_DIAG_BY_FAMILY, SOCK_DESTROY = 20, 21
INET_DIAG_INFO, INET_DIAG_SKV6ONLY = 2, 11
_INET_DIAG_REQ = struct.Struct("=BBBxI48s")  # family, protocol, extensions, states, identity
_INET_DIAG_MSG = struct.Struct("=BBBB48sIIIII")
# family, state, timer, retransmits, identity, expires, read queue, write queue, user, inode
_IDENTITY = struct.Struct("!HH16s16s")  # port, peer's port, address, peer's address; its interface and cookie
_TCP_INFO = struct.Struct("=44xI4xI72xQ64xQ")
"""Of `struct tcp_info`: tcpi_last_data_sent (at 44), tcpi_last_data_recv (52), tcpi_bytes_received (128) and
tcpi_bytes_sent (200)."""


@dataclass(frozen=True)
class TcpConnection:
    """One TCP connection of a task as server, at one moment. Times are milliseconds ago, in ticks of 4 ms."""

    state: int
    local: str
    port: int
    peer: str
    peer_port: int
    unread: int
    """Bytes that the task has not read."""
    unacked: int
    """Bytes that it wrote and the peer has not acknowledged."""
    sent_ago: int
    heard_ago: int
    sent: int
    heard: int
    """Bytes so far."""
    family: int = field(default=socket.AF_INET, repr=False)
    identity: bytes = field(default=b"", repr=False)
    """The kernel's own name for the socket, cookie included: never another one that took its ports."""


class InetDiag(Netlink):
    """One diagnosis socket, in the network namespace of the thread that makes it. Blocks. Raises OSError."""

    def __init__(self) -> None:
        super().__init__(NETLINK_SOCK_DIAG)

    @classmethod
    def within(cls, namespace: Path) -> InetDiag:
        """A socket inside a namespace (`/proc/PID/ns/net`)."""
        return inside(namespace, cls)

    def served(self, address: str | None = None) -> list[TcpConnection]:
        """Connections to listening ports, on one local address or on all; not those over loopback."""
        sockets = [*self._dump(socket.AF_INET), *self._dump(socket.AF_INET6)]
        listening = {tcp.port for tcp in sockets if tcp.state == LISTEN}
        return [
            tcp
            for tcp in sockets
            if tcp.state != LISTEN
            and tcp.port in listening
            and tcp.local != tcp.peer
            and not is_loopback(tcp.local)
            and address in (None, tcp.local)
        ]

    def listeners(self, protocols: Iterable[str]) -> list[ListeningSocket]:
        """What listens here for `tcp`, for `udp`, over IPv4 and IPv6."""
        return [
            _listener(protocol, body)
            for protocol in protocols
            for family in (socket.AF_INET, socket.AF_INET6)
            for body in self.request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, _listening(family, protocol))
        ]

    def _dump(self, family: int) -> list[TcpConnection]:
        request = _INET_DIAG_REQ.pack(family, socket.IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1), _STATES, b"")
        return [_read(body) for body in self.request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, request)]

    def destroy(self, connection: TcpConnection) -> bool:
        """Close a connection (the peer sees a reset); False if it was gone."""
        request = _INET_DIAG_REQ.pack(connection.family, socket.IPPROTO_TCP, 0, _STATES, connection.identity)
        return self.do(SOCK_DESTROY, request, refusals=(errno.ENOENT, errno.ENOTCONN))


def _read(body: bytes) -> TcpConnection:
    """The connection of one answer of the kernel's."""
    family, state, _, _, identity, _, unread, unacked, _, _ = _INET_DIAG_MSG.unpack_from(body)
    port, peer_port, local, peer = _IDENTITY.unpack_from(identity)
    info = attributes(body[_INET_DIAG_MSG.size :]).get(INET_DIAG_INFO, b"")
    sent_ago, heard_ago, heard, sent = _TCP_INFO.unpack_from(info.ljust(_TCP_INFO.size, b"\0"))
    return TcpConnection(
        state=state,
        local=_address(family, local),
        port=port,
        peer=_address(family, peer),
        peer_port=peer_port,
        unread=unread,
        unacked=unacked,
        sent_ago=sent_ago,
        heard_ago=heard_ago,
        heard=heard,
        sent=sent,
        family=family,
        identity=identity,
    )


def _listening(family: int, protocol: str) -> bytes:
    number, state = (socket.IPPROTO_TCP, LISTEN) if protocol == "tcp" else (socket.IPPROTO_UDP, CLOSE)
    return _INET_DIAG_REQ.pack(family, number, 0, 1 << state, b"")


def _listener(protocol: str, body: bytes) -> ListeningSocket:
    family, _, _, _, identity, *_ = _INET_DIAG_MSG.unpack_from(body)
    port, _, local, _ = _IDENTITY.unpack_from(identity)
    only_six = attributes(body[_INET_DIAG_MSG.size :]).get(INET_DIAG_SKV6ONLY, b"\1")[:1] != b"\0"
    return ListeningSocket(
        protocol, _address(family, local), port, both=family == socket.AF_INET6 and not only_six
    )


def _address(family: int, raw: bytes) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntoa(raw[:4])
    address = IPv6Address(raw)
    return str(address.ipv4_mapped or address)
