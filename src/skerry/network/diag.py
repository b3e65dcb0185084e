"""TCP sockets of a network namespace by inet_diag, and closing one from the kernel's side."""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from pathlib import Path

from skerry.gate.netns import inside
from skerry.network.netlink import NLM_F_ACK, NLM_F_DUMP, Netlink, attributes

ESTABLISHED, SYN_RECV, FIN_WAIT1, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING = 1, 3, 4, 8, 9, 10, 11
_STATES = sum(
    1 << state for state in (ESTABLISHED, SYN_RECV, FIN_WAIT1, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING)
)

_PROTOCOL = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY, _DESTROY = 20, 21
_INFO = 2
_REQUEST = struct.Struct("=BBBxI48s")
_ANSWER = struct.Struct("=BBBB48sIIIII")
_ID = struct.Struct("!HH16s16s")


@dataclass(frozen=True)
class Connection:
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


class Diag:
    """One diagnosis socket inside a namespace (`/proc/PID/ns/net`). Blocks. Raises OSError."""

    def __init__(self, namespace: Path) -> None:
        self._netlink = inside(namespace, lambda: Netlink(_PROTOCOL))

    def served(self, address: str | None = None) -> list[Connection]:
        """Connections to listening ports, on one local address or on all; not those over loopback."""
        everything = [*self._dump(socket.AF_INET), *self._dump(socket.AF_INET6)]
        listening = {one.port for one in everything if one.state == LISTEN}
        return [
            one
            for one in everything
            if one.state != LISTEN
            and one.port in listening
            and one.local != one.peer
            and not one.local.startswith("127.")
            and address in (None, one.local)
        ]

    def _dump(self, family: int) -> list[Connection]:
        request = _REQUEST.pack(family, socket.IPPROTO_TCP, 1 << (_INFO - 1), _STATES, b"")
        return [_read(body) for body in self._netlink.request(_BY_FAMILY, NLM_F_DUMP, request)]

    def destroy(self, connection: Connection) -> bool:
        """Close a connection (the peer sees a reset); False if it was gone."""
        request = _REQUEST.pack(connection.family, socket.IPPROTO_TCP, 0, _STATES, connection.identity)
        try:
            for _ in self._netlink.request(_DESTROY, NLM_F_ACK, request):
                pass
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTCONN):
                return False
            raise
        return True

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()


def _read(body: bytes) -> Connection:
    family, state, _, _, identity, _, unread, unacked, _, _ = _ANSWER.unpack_from(body)
    port, peer_port, local, peer = _ID.unpack_from(identity)
    info = attributes(body[_ANSWER.size :]).get(_INFO, b"").ljust(208, b"\0")
    return Connection(
        state=state,
        local=_address(family, local),
        port=port,
        peer=_address(family, peer),
        peer_port=peer_port,
        unread=unread,
        unacked=unacked,
        sent_ago=struct.unpack_from("=I", info, 44)[0],
        heard_ago=struct.unpack_from("=I", info, 52)[0],
        heard=struct.unpack_from("=Q", info, 128)[0],
        sent=struct.unpack_from("=Q", info, 200)[0],
        family=family,
        identity=identity,
    )


def _address(family: int, raw: bytes) -> str:
    if family == socket.AF_INET:
        return socket.inet_ntoa(raw[:4])
    address = IPv6Address(raw)
    return str(address.ipv4_mapped or address)
