"""Links, addresses and routes of a network namespace by rtnetlink: the few requests that skerry makes.

A library for all of rtnetlink was 163 modules, 3.5 MB of skerryd and a fifth of its start.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network

from skerry.network.netlink import NLA_F_NESTED, NLM_F_ACK, NLM_F_DUMP, Netlink, attribute, attributes

_PROTOCOL = 0  # NETLINK_ROUTE
_NEW_LINK, _DELETE_LINK, _GET_LINK = 16, 17, 18
_NEW_ADDRESS, _GET_ADDRESS, _NEW_ROUTE, _DELETE_ROUTE, _GET_ROUTE = 20, 22, 24, 25, 26
_REPLACE, _EXCLUSIVE, _CREATE = 0x100, 0x200, 0x400
_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, which flags
_ADDRESS = struct.Struct("=BBBBi")  # family, length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, lengths (dst, src), tos, table, protocol, scope, type, flags
_MAC, _NAME, _MTU, _PEER, _MASTER, _INFO, _NET_NS_FD = 1, 3, 4, 5, 10, 18, 28
_KIND, _DATA, _SLAVE_DATA, _SLAVE_KIND = 1, 2, 5, 4
_VETH_PEER, _BRIDGE_CALL_IPTABLES, _PORT_MODE = 1, 36, 4
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_DESTINATION, _OUT, _SOURCE = 1, 4, 7
_UP = 1
_LOCAL_TABLE, _STATIC, _HOST, _LOCAL = 255, 4, 254, 2


@dataclass(frozen=True)
class Link:
    """A link: `master` is the index of its bridge, or 0; `hairpin`: whether it sends back what came in;
    `peer` the index of a pair's other end, wherever that is; `mac` its hardware address."""

    index: int
    name: str
    master: int
    hairpin: bool
    up: bool
    peer: int
    mac: bytes


class Route:
    """One rtnetlink socket, in the network namespace of the thread that makes it. Blocks.

    Raises OSError with the kernel's code.
    """

    def __init__(self) -> None:
        self._netlink = Netlink(_PROTOCOL)

    def index(self, name: str) -> int | None:
        """The number of a link, or None where there is none of that name."""
        found = self.link(name)
        return None if found is None else found.index

    def link(self, which: str | int) -> Link | None:
        """The link of a name or a number, or None."""
        payload = _link(which) if isinstance(which, int) else _link() + _text(_NAME, which)
        try:
            return next(iter(list(self._links(NLM_F_ACK, payload))))
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise

    def links(self) -> list[Link]:
        """Every link there is."""
        return list(self._links(NLM_F_DUMP, _link()))

    def _links(self, flags: int, payload: bytes) -> Iterator[Link]:
        for body in self._netlink.request(_GET_LINK, flags, payload):
            found = attributes(body[_LINK.size :])
            port = attributes(attributes(found.get(_INFO, b"")).get(_SLAVE_DATA, b""))
            _, _, index, flags, _ = _LINK.unpack_from(body)
            yield Link(
                index=index,
                name=found[_NAME].rstrip(b"\0").decode(),
                master=_number(found.get(_MASTER, b"\0\0\0\0")),
                hairpin=port.get(_PORT_MODE, b"\0") != b"\0",
                up=bool(flags & _UP),
                peer=_number(found.get(_PEER, b"\0\0\0\0")),
                mac=found.get(_MAC, b""),
            )

    def addresses(self) -> list[tuple[int, str]]:
        """Every IPv4 address there is, with the number of its link."""
        return [
            (_ADDRESS.unpack_from(body)[4], socket.inet_ntoa(attributes(body[_ADDRESS.size :])[_IFA_LOCAL]))
            for body in self._netlink.request(
                _GET_ADDRESS, NLM_F_DUMP, _ADDRESS.pack(socket.AF_INET, 0, 0, 0, 0)
            )
        ]

    def make_bridge(self, name: str, mac: bytes = b"") -> None:
        """Make a bridge, with a hardware address if one is given."""
        address = attribute(_MAC, mac) if mac else b""
        payload = _link() + _text(_NAME, name) + address + _nested(_INFO, _text(_KIND, "bridge"))
        self._do(_NEW_LINK, payload, _CREATE | _EXCLUSIVE)

    def plug(self, outer: str, inner: str, namespace: int, mac: bytes = b"") -> None:
        """Make a pair of links: `outer` here, `inner` in the namespace of an open descriptor, with a hardware
        address if one is given."""
        peer = _link() + _text(_NAME, inner) + (attribute(_MAC, mac) if mac else b"")
        peer += attribute(_NET_NS_FD, struct.pack("=I", namespace))
        info = _text(_KIND, "veth") + _nested(_DATA, _nested(_VETH_PEER, peer))
        self._do(_NEW_LINK, _link() + _text(_NAME, outer) + _nested(_INFO, info), _CREATE | _EXCLUSIVE)

    def raise_link(self, index: int, master: int | None = None) -> None:
        """Set a link up, on a bridge if one is given."""
        more = b"" if master is None else attribute(_MASTER, struct.pack("=i", master))
        self._do(_NEW_LINK, _link(index, up=True) + more)

    def measure(self, index: int, mtu: int) -> None:
        """Set how long a packet over a link may be."""
        self._do(_NEW_LINK, _link(index) + attribute(_MTU, struct.pack("=I", mtu)))

    def delete_link(self, index: int) -> None:
        """Remove a link, and its peer."""
        self._do(_DELETE_LINK, _link(index))

    def call_iptables(self, bridge: int) -> None:
        """Have the netfilter hooks see what goes over a bridge."""
        info = _text(_KIND, "bridge") + _nested(_DATA, attribute(_BRIDGE_CALL_IPTABLES, b"\1"))
        self._do(_NEW_LINK, _link(bridge) + _nested(_INFO, info))

    def hairpin(self, port: int) -> None:
        """Let a bridge's port send back out what came in."""
        info = _text(_SLAVE_KIND, "bridge") + _nested(_SLAVE_DATA, attribute(_PORT_MODE, b"\1"))
        self._do(_NEW_LINK, _link(port) + _nested(_INFO, info))

    def address(self, index: int, address: str, length: int) -> None:
        """Give a link an address; it may have it already."""
        packed = socket.inet_aton(address)
        head = _ADDRESS.pack(socket.AF_INET, length, 0, 0, index)
        both = attribute(_IFA_LOCAL, packed) + attribute(_IFA_ADDRESS, packed)
        self._do(_NEW_ADDRESS, head + both, _CREATE | _REPLACE)

    def local_subnets(self) -> list[str]:
        """What `make_local` has made, in CIDR form."""
        head = _ROUTE.pack(socket.AF_INET, 0, 0, 0, _LOCAL_TABLE, _STATIC, _HOST, _LOCAL, 0)
        found = []
        for body in self._netlink.request(_GET_ROUTE, NLM_F_DUMP, head):
            _, length, _, _, table, origin, _, kind, _ = _ROUTE.unpack_from(body)
            if (table, origin, kind) == (_LOCAL_TABLE, _STATIC, _LOCAL):
                address = socket.inet_ntoa(attributes(body[_ROUTE.size :])[_DESTINATION])
                found.append(f"{address}/{length}")
        return found

    def make_local(self, subnet: str, source: str = "") -> None:
        """Take every address of a subnet for one of this namespace's own; who speaks to it does so from
        `source`, if that is given."""
        preferred = attribute(_SOURCE, socket.inet_aton(source)) if source else b""
        self._do(_NEW_ROUTE, _local_route(subnet) + preferred, _CREATE | _REPLACE)

    def make_foreign(self, subnet: str) -> None:
        """Undo `make_local`."""
        self._do(_DELETE_ROUTE, _local_route(subnet))

    def _do(self, kind: int, payload: bytes, flags: int = 0) -> None:
        for _ in self._netlink.request(kind, flags | NLM_F_ACK, payload):
            pass

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()


@contextmanager
def routing() -> Iterator[Route]:
    """A socket for a while."""
    route = Route()
    try:
        yield route
    finally:
        route.close()


def _link(index: int = 0, *, up: bool = False) -> bytes:
    flag = _UP if up else 0
    return _LINK.pack(socket.AF_UNSPEC, 0, index, flag, flag)


def _local_route(subnet: str) -> bytes:
    net = IPv4Network(subnet)
    head = _ROUTE.pack(socket.AF_INET, net.prefixlen, 0, 0, _LOCAL_TABLE, _STATIC, _HOST, _LOCAL, 0)
    out = attribute(_OUT, struct.pack("=i", socket.if_nametoindex("lo")))
    return head + attribute(_DESTINATION, net.network_address.packed) + out


def _text(kind: int, text: str) -> bytes:
    return attribute(kind, text.encode() + b"\0")


def _nested(kind: int, inner: bytes) -> bytes:
    return attribute(kind | NLA_F_NESTED, inner)


def _number(raw: bytes) -> int:
    return int(struct.unpack("=i", raw)[0])
