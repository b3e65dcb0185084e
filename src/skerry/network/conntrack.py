"""Conntrack: who spoke last on a flow, and forgetting UDP flows that lead to the wrong place."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Set

from skerry.network.netlink import NLA_F_NESTED, NLM_F_ACK, NLM_F_DUMP, Netlink, attribute, attributes
from skerry.network.ruleset import ASKED_MARK

_PROTOCOL = 12  # NETLINK_NETFILTER
_GET, _DELETE = 0x101, 0x102
_ORIGINAL, _REPLY, _MARK, _FILTER = 1, 2, 8, 25
_FILTER_REPLY, _FILTER_SOURCE = 2, 1
_IP, _PROTO = 1, 2
_SOURCE, _DESTINATION = 1, 2
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_HEAD = struct.pack("=BBH", socket.AF_INET, 0, 0)
_CHOOSY_HEAD = struct.pack("=BBH", socket.AF_INET, 1, 0)
"""Version 1: the family counts when flows are deleted by choice."""


Flow = dict[int, bytes]
"""The attributes of one flow."""


class Conntrack:
    """One conntrack socket of this network namespace."""

    def __init__(self) -> None:
        self._netlink = Netlink(_PROTOCOL)

    def asked(self, task: str, port: int, peer: str, peer_port: int) -> bool | None:
        """Whether the client spoke last on the TCP flow that a task sees so; None for an unknown flow."""
        try:
            for body in self._netlink.request(_GET, NLM_F_ACK, _HEAD + _seen_by(task, port, peer, peer_port)):
                mark = attributes(body[4:]).get(_MARK, b"\0\0\0\0")
                asked = bool(struct.unpack("!I", mark)[0] & ASKED_MARK)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        return asked

    def forget_connection(self, task: str, port: int, peer: str, peer_port: int) -> None:
        """Delete the TCP flow that a task sees so, if there is one."""
        try:
            for _ in self._netlink.request(_DELETE, NLM_F_ACK, _HEAD + _seen_by(task, port, peer, peer_port)):
                pass
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise

    def forget_udp(self, backends: Set[str], vips: Set[str], ports: Set[int]) -> int:
        """Delete UDP flows that lead to these former backends, or that were not translated although they
        want one of these VIPs or published ports. Their next datagram finds its way anew. How many."""
        return self._forget([flow for flow in self._flows() if _is_astray(flow, backends, vips, ports)])

    def forget_task(self, task: str) -> bool:
        """Delete every flow that a task answers; False where the kernel can't choose (it is older than 5.8).

        For a task without connections: what is left of the old ones would only do harm. A SYN that it dropped
        (a full backlog) would be repeated to it when it is gone. And when a container has ended, the engine
        deletes its flows, one by one, by their ports: a client that uses a port again meanwhile loses its new
        flow. Here the kernel looks at each flow as it deletes it.
        """
        try:
            for _ in self._netlink.request(_DELETE, NLM_F_ACK, _CHOOSY_HEAD + _answered_by(task)):
                pass
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOENT, errno.EOPNOTSUPP):
                raise
            return False
        return True

    def _flows(self) -> Iterator[Flow]:
        for body in self._netlink.request(_GET, NLM_F_DUMP, _HEAD):
            yield attributes(body[4:])

    def _forget(self, doomed: list[Flow]) -> int:
        for flow in doomed:
            which = attribute(_ORIGINAL | NLA_F_NESTED, flow[_ORIGINAL])
            try:
                for _ in self._netlink.request(_DELETE, NLM_F_ACK, _HEAD + which):
                    pass
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
        return len(doomed)

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()


def _seen_by(task: str, port: int, peer: str, peer_port: int) -> bytes:
    """The TCP flow that a task sees so."""
    addresses = attribute(_SOURCE, socket.inet_aton(task)) + attribute(_DESTINATION, socket.inet_aton(peer))
    ports = (
        attribute(_NUMBER, bytes([socket.IPPROTO_TCP]))
        + attribute(_SOURCE_PORT, struct.pack("!H", port))
        + attribute(_DESTINATION_PORT, struct.pack("!H", peer_port))
    )
    nested = attribute(_IP | NLA_F_NESTED, addresses) + attribute(_PROTO | NLA_F_NESTED, ports)
    return attribute(_REPLY | NLA_F_NESTED, nested)


def _answered_by(task: str) -> bytes:
    """A choice among flows: those whose answers come from one address."""
    source = attribute(_IP | NLA_F_NESTED, attribute(_SOURCE, socket.inet_aton(task)))
    flags = attribute(_FILTER_REPLY, struct.pack("=I", _FILTER_SOURCE))
    return attribute(_REPLY | NLA_F_NESTED, source) + attribute(_FILTER | NLA_F_NESTED, flags)


def _answerer(flow: Flow) -> str:
    """Who answers on a flow: the task, where it was translated."""
    return socket.inet_ntoa(attributes(attributes(flow[_REPLY])[_IP])[_SOURCE])


def _is_astray(flow: Flow, backends: Set[str], vips: Set[str], ports: Set[int]) -> bool:
    original = attributes(flow[_ORIGINAL])
    wanted = attributes(original[_PROTO])
    if wanted[_NUMBER][0] != socket.IPPROTO_UDP:
        return False
    destination = socket.inet_ntoa(attributes(original[_IP])[_DESTINATION])
    answering = _answerer(flow)
    port = struct.unpack("!H", wanted[_DESTINATION_PORT])[0]
    missed = answering == destination and (destination in vips or port in ports)
    return answering in backends or missed
