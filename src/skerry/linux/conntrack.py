"""Conntrack: the flows that the kernel tracks in a network namespace: their marks, and their end."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from errno import EINVAL, ENOENT, EOPNOTSUPP
from socket import IPPROTO_TCP
from typing import NamedTuple

from skerry.linux.netlink import (
    NETLINK_NETFILTER,
    NLM_F_ACK,
    NLM_F_DUMP,
    Netlink,
    attribute,
    attributes,
    nested,
    netfilter,
)
from skerry.model.family import FOUR, SIX, Family, family_of, packed, unpacked

NFNL_SUBSYS_CTNETLINK = 1
IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE = NFNL_SUBSYS_CTNETLINK << 8 | 1, NFNL_SUBSYS_CTNETLINK << 8 | 2
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_PROTOINFO, CTA_MARK, CTA_ID, CTA_FILTER = 1, 2, 4, 8, 12, 25
CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE = 1, 1
TCP_CONNTRACK_ESTABLISHED = 3
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_SRC = {FOUR: 1, SIX: 3}
CTA_IP_DST = {FOUR: 2, SIX: 4}
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS = 1, 2
CTA_FILTER_F_CTA_IP_SRC, CTA_FILTER_F_CTA_IP_DST, CTA_FILTER_F_CTA_PROTO_NUM = 1 << 0, 1 << 1, 1 << 3
_HEAD_SIZE = len(netfilter(FOUR.number))
FILTERING = 1
"""The version of a message in which the family and the filter count when flows are deleted."""


def _head(family: Family, version: int = 0) -> bytes:
    return netfilter(family.number, version)


class Flow(NamedTuple):
    """A tracked flow: where its client sends to, and who answers: a task, where it was translated."""

    destination: str
    port: int
    answerer: str
    original: bytes
    """By which the kernel finds it."""
    id: bytes
    """By which it is told from a later one that looks the same."""
    established: bool
    """Whether it is that of a TCP connection that is open, at both ends."""


class Conntrack(Netlink):
    """One conntrack socket, in the network namespace of the thread that makes it. Blocks. Raises OSError."""

    def __init__(self) -> None:
        super().__init__(NETLINK_NETFILTER)

    def mark(self, server: str, port: int, peer: str, peer_port: int) -> int | None:
        """The mark of the TCP flow that a server sees so; None for an unknown flow."""
        flow = _as_answered(server, port, peer, peer_port)
        try:
            (body,) = self.request(IPCTNL_MSG_CT_GET, NLM_F_ACK, _head(family_of(server)) + flow)
        except FileNotFoundError:
            return None
        return int.from_bytes(attributes(body[_HEAD_SIZE:]).get(CTA_MARK, b""))

    def flows(self, protocol: int | None, family: Family = FOUR, answerer: str = "") -> Iterator[Flow]:
        """Every flow over a family, or of a protocol alone (`socket.IPPROTO_UDP`), or those that one address
        answers.

        The kernel locks each place of its table in turn, which takes some milliseconds however few flows
        there are. One older than 5.8 heeds no filter and tells those of other protocols too.
        """
        by_protocol = _end(protocol=protocol) if protocol is not None else None
        by_answerer = _end(source=answerer) if answerer and family is FOUR else None
        wanted = _filter(original=by_protocol, reply=by_answerer)
        for body in self.request(IPCTNL_MSG_CT_GET, NLM_F_DUMP, _head(family) + wanted):
            flow = attributes(body[_HEAD_SIZE:])
            original = attributes(flow[CTA_TUPLE_ORIG])
            numbers = attributes(original[CTA_TUPLE_PROTO])
            answer = attributes(attributes(flow[CTA_TUPLE_REPLY])[CTA_TUPLE_IP])
            answers = unpacked(answer[CTA_IP_SRC[family]])
            if protocol in (None, numbers[CTA_PROTO_NUM][0]) and answerer in ("", answers):
                yield Flow(
                    destination=unpacked(attributes(original[CTA_TUPLE_IP])[CTA_IP_DST[family]]),
                    port=int.from_bytes(numbers.get(CTA_PROTO_DST_PORT, b"")),
                    answerer=answers,
                    original=flow[CTA_TUPLE_ORIG],
                    id=flow[CTA_ID],
                    established=_tcp_state(flow) == TCP_CONNTRACK_ESTABLISHED,
                )

    def delete(self, flow: Flow) -> None:
        """Delete a flow, if it is still there."""
        named = nested(CTA_TUPLE_ORIG, flow.original) + attribute(CTA_ID, flow.id)
        self._delete(family_of(flow.answerer), named)

    def delete_connection(self, server: str, port: int, peer: str, peer_port: int) -> None:
        """Delete the TCP flow that a server sees so, if there is one."""
        self._delete(family_of(server), _as_answered(server, port, peer, peer_port))

    def _delete(self, family: Family, flow: bytes) -> None:
        self.do(IPCTNL_MSG_CT_DELETE, _head(family) + flow, refusals=(ENOENT,))

    def delete_answered_by(self, address: str, protocol: int | None = None) -> bool:
        """Delete every flow that an address answers, or those of one protocol, by a filter: the kernel looks
        at each flow as it deletes it. False where it can't (it is older than 5.8)."""
        if family_of(address) is FOUR:
            return self._delete_all(reply=_end(source=address, protocol=protocol))
        return self._delete_each(protocol, lambda flow: flow.answerer == address)

    def delete_asked_of(self, address: str, protocol: int) -> bool:
        """Delete every flow of a protocol to an address, whoever answers; False as above."""
        if family_of(address) is FOUR:
            return self._delete_all(original=_end(destination=address, protocol=protocol))
        return self._delete_each(protocol, lambda flow: flow.destination == address)

    def _delete_each(self, protocol: int | None, meant: Callable[[Flow], bool]) -> bool:
        """Over IPv6, one by one: there the kernel takes a filter by address for its contrary."""
        for flow in [flow for flow in self.flows(protocol, SIX) if meant(flow)]:
            self.delete(flow)
        return True

    def _delete_all(self, original: TupleFilter | None = None, reply: TupleFilter | None = None) -> bool:
        words = _head(FOUR, FILTERING) + _filter(original, reply)
        return self.do(IPCTNL_MSG_CT_DELETE, words, refusals=(EINVAL, ENOENT, EOPNOTSUPP))


def _tcp_state(flow: dict[int, bytes]) -> int:
    """The kernel's word for where a TCP connection is; 0 for what is none."""
    tcp = attributes(attributes(flow.get(CTA_PROTOINFO, b"")).get(CTA_PROTOINFO_TCP, b""))
    return int.from_bytes(tcp.get(CTA_PROTOINFO_TCP_STATE, b""))


class TupleFilter(NamedTuple):
    """What one direction of the flows that are meant looks like."""

    flags: int
    parts: bytes


def _end(source: str = "", destination: str = "", protocol: int | None = None) -> TupleFilter:
    """By what is given of the addresses and the protocol."""
    flags, addresses, protocols = 0, b"", b""
    for address, flag, kinds in (
        (source, CTA_FILTER_F_CTA_IP_SRC, CTA_IP_SRC),
        (destination, CTA_FILTER_F_CTA_IP_DST, CTA_IP_DST),
    ):
        if address:
            flags |= flag
            addresses += attribute(kinds[family_of(address)], packed(address))
    if protocol is not None:
        flags |= CTA_FILTER_F_CTA_PROTO_NUM
        protocols = nested(CTA_TUPLE_PROTO, attribute(CTA_PROTO_NUM, bytes([protocol])))
    return TupleFilter(flags, (nested(CTA_TUPLE_IP, addresses) if addresses else b"") + protocols)


def _filter(original: TupleFilter | None = None, reply: TupleFilter | None = None) -> bytes:
    """The attributes by which the kernel picks flows; none where all are meant."""
    tuples, flags = b"", b""
    for end, kind, which in (
        (original, CTA_TUPLE_ORIG, CTA_FILTER_ORIG_FLAGS),
        (reply, CTA_TUPLE_REPLY, CTA_FILTER_REPLY_FLAGS),
    ):
        if end is not None:
            tuples += nested(kind, end.parts)
            flags += attribute(which, struct.pack("=I", end.flags))
    return tuples + nested(CTA_FILTER, flags) if flags else b""


def _as_answered(server: str, port: int, peer: str, peer_port: int) -> bytes:
    """The TCP flow of which a server's answers look so."""
    family = family_of(server)
    addresses = attribute(CTA_IP_SRC[family], packed(server)) + attribute(CTA_IP_DST[family], packed(peer))
    ports = (
        attribute(CTA_PROTO_NUM, bytes([IPPROTO_TCP]))
        + attribute(CTA_PROTO_SRC_PORT, struct.pack("!H", port))
        + attribute(CTA_PROTO_DST_PORT, struct.pack("!H", peer_port))
    )
    return nested(CTA_TUPLE_REPLY, nested(CTA_TUPLE_IP, addresses), nested(CTA_TUPLE_PROTO, ports))
