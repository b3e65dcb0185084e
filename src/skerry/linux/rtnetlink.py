"""Links, addresses and routes of a network namespace by rtnetlink: the few requests that skerry makes.

A library for all of rtnetlink was 163 modules, 3.5 MB of skerryd and a fifth of its start.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from errno import ENODEV
from ipaddress import ip_network

from skerry.linux.netlink import (
    NETLINK_ROUTE,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Netlink,
    attribute,
    attributes,
    nested,
    string,
    text,
)
from skerry.model.family import FOUR, SIX, Family, family_of, packed, unpacked

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
IFINFOMSG = struct.Struct("=BxHiII")  # family, type, index, flags, which flags
IFADDRMSG = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, index
RTMSG = struct.Struct("=BBBBBBBBI")  # family, lengths (dst, src), tos, table, protocol, scope, type, flags
IFF_UP = 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER = 1, 3, 4, 5, 10
IFLA_LINKINFO, IFLA_NET_NS_FD = 18, 28
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
VETH_INFO_PEER, IFLA_BRPORT_MODE = 1, 4
IFLA_BR_NF_CALL = {4: 36, 6: 37}
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_CACHEINFO = 1, 2, 3, 6
IFA_F_NODAD, IFA_F_TENTATIVE = 0x02, 0x40
_UNPREFERRED = struct.pack("=IIII", 0, 0xFFFF_FFFF, 0, 0)
"""Preferred for no time, valid for ever."""
RTA_DST, RTA_OIF, RTA_PREFSRC = 1, 4, 7
RT_TABLE_LOCAL, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL = 255, 4, 254, 2


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


class Rtnetlink(Netlink):
    """One rtnetlink socket, in the network namespace of the thread that makes it. Blocks.

    Raises OSError with the kernel's code.
    """

    def __init__(self) -> None:
        super().__init__(NETLINK_ROUTE)

    def index(self, name: str) -> int | None:
        """The number of a link, or None where there is none of that name."""
        link = self.link(name)
        return None if link is None else link.index

    def link(self, which: str | int) -> Link | None:
        """The link of a name or a number, or None."""
        payload = _link(which) if isinstance(which, int) else _link() + text(IFLA_IFNAME, which)
        try:
            return _read_link(*self.request(RTM_GETLINK, NLM_F_ACK, payload))
        except OSError as error:
            if error.errno == ENODEV:
                return None
            raise

    def links(self) -> list[Link]:
        """Every link there is."""
        return [_read_link(body) for body in self.request(RTM_GETLINK, NLM_F_DUMP, _link())]

    def addresses(self, family: Family = FOUR, *, alone: bool = False) -> list[tuple[int, str]]:
        """Every address of a family, with the number of its link. `alone`: those without a subnet."""
        rows = []
        for body in self.request(RTM_GETADDR, NLM_F_DUMP, IFADDRMSG.pack(family.number, 0, 0, 0, 0)):
            _, length, _, _, index = IFADDRMSG.unpack_from(body)
            values = attributes(body[IFADDRMSG.size :])
            if length == family.bits or not alone:  # IPv6 tells of IFA_LOCAL where there is a peer
                rows.append((index, unpacked(values.get(IFA_LOCAL) or values[IFA_ADDRESS])))
        return rows

    def make_bridge(self, name: str, mac: bytes = b"") -> None:
        """Make a bridge, with a hardware address if one is given."""
        self._make_link(name, mac, text(IFLA_INFO_KIND, "bridge"))

    def plug(self, outer: str, inner: str, namespace: int, mac: bytes = b"") -> None:
        """Make a pair of links: `outer` here, `inner` in the namespace of an open descriptor, with a hardware
        address if one is given."""
        peer = _link() + _identity(inner, mac) + attribute(IFLA_NET_NS_FD, struct.pack("=I", namespace))
        self._make_link(
            outer, b"", text(IFLA_INFO_KIND, "veth"), nested(IFLA_INFO_DATA, nested(VETH_INFO_PEER, peer))
        )

    def _make_link(self, name: str, mac: bytes, *info: bytes) -> None:
        payload = _link() + _identity(name, mac) + nested(IFLA_LINKINFO, *info)
        self.do(RTM_NEWLINK, payload, NLM_F_CREATE | NLM_F_EXCL)

    def raise_link(self, index: int, master: int | None = None) -> None:
        """Set a link up, on a bridge if one is given."""
        bridge = b"" if master is None else attribute(IFLA_MASTER, struct.pack("=i", master))
        self.do(RTM_NEWLINK, _link(index, up=True) + bridge)

    def set_mtu(self, index: int, mtu: int) -> None:
        """Set how long a packet over a link may be."""
        self.do(RTM_NEWLINK, _link(index) + attribute(IFLA_MTU, struct.pack("=I", mtu)))

    def delete_link(self, index: int) -> None:
        """Remove a link, and its peer."""
        self.do(RTM_DELLINK, _link(index))

    def call_iptables(self, bridge: int, families: Iterable[Family] = (FOUR,)) -> None:
        """Have the netfilter hooks see what goes over a bridge."""
        calls = [attribute(IFLA_BR_NF_CALL[family.version], b"\1") for family in families]
        data = nested(IFLA_INFO_DATA, *calls)
        info = nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, "bridge"), data)
        self.do(RTM_NEWLINK, _link(bridge) + info)

    def hairpin(self, port: int) -> None:
        """Let a bridge's port send back out what came in."""
        data = nested(IFLA_INFO_SLAVE_DATA, attribute(IFLA_BRPORT_MODE, b"\1"))
        info = nested(IFLA_LINKINFO, text(IFLA_INFO_SLAVE_KIND, "bridge"), data)
        self.do(RTM_NEWLINK, _link(port) + info)

    def address(self, index: int, address: str, length: int, *, preferred: bool = True) -> None:
        """Give a link an address; it may have it already. Whether it is free nobody is asked. From one that
        is not preferred nobody speaks unasked."""
        life = b"" if preferred else attribute(IFA_CACHEINFO, _UNPREFERRED)
        if family_of(address) is SIX and self._is_tentative(index, address):
            self.remove_address(index, address, length)  # somebody gave it who asks first, and waits
        self.do(RTM_NEWADDR, _address(index, address, length) + life, NLM_F_CREATE | NLM_F_REPLACE)

    def _is_tentative(self, index: int, address: str) -> bool:
        """Whether the kernel still asks if anybody else has an address: until then nobody speaks from it."""
        for body in self.request(RTM_GETADDR, NLM_F_DUMP, IFADDRMSG.pack(SIX.number, 0, 0, 0, 0)):
            _, _, flags, _, link = IFADDRMSG.unpack_from(body)
            own = attributes(body[IFADDRMSG.size :]).get(IFA_ADDRESS, b"")
            if link == index and flags & IFA_F_TENTATIVE and own == packed(address):
                return True
        return False

    def remove_address(self, index: int, address: str, length: int) -> None:
        """Take an address off a link."""
        self.do(RTM_DELADDR, _address(index, address, length))

    def local_subnets(self) -> list[str]:
        """What `make_local` has made, in CIDR form."""
        subnets = []
        for body in self.request(RTM_GETROUTE, NLM_F_DUMP, _local_route(0)):
            _, length, _, _, table, origin, _, kind, _ = RTMSG.unpack_from(body)
            if (table, origin, kind) == (RT_TABLE_LOCAL, RTPROT_STATIC, RTN_LOCAL):
                address = socket.inet_ntoa(attributes(body[RTMSG.size :])[RTA_DST])
                subnets.append(f"{address}/{length}")
        return subnets

    def make_local(self, subnet: str, source: str = "") -> None:
        """Take every address of a subnet for one of this namespace's own; who speaks to it does so from
        `source`, if that is given."""
        preferred = attribute(RTA_PREFSRC, socket.inet_aton(source)) if source else b""
        self.do(RTM_NEWROUTE, _route_to(subnet) + preferred, NLM_F_CREATE | NLM_F_REPLACE)

    def make_foreign(self, subnet: str) -> None:
        """Undo `make_local`."""
        self.do(RTM_DELROUTE, _route_to(subnet))


def _address(index: int, address: str, length: int) -> bytes:
    family, own = family_of(address), packed(address)
    head = IFADDRMSG.pack(family.number, length, 0 if family is FOUR else IFA_F_NODAD, 0, index)
    return head + attribute(IFA_LOCAL, own) + attribute(IFA_ADDRESS, own)


def _link(index: int = 0, *, up: bool = False) -> bytes:
    flag = IFF_UP if up else 0
    return IFINFOMSG.pack(socket.AF_UNSPEC, 0, index, flag, flag)


def _identity(name: str, mac: bytes) -> bytes:
    return text(IFLA_IFNAME, name) + (attribute(IFLA_ADDRESS, mac) if mac else b"")


def _local_route(length: int) -> bytes:
    return RTMSG.pack(
        socket.AF_INET, length, 0, 0, RT_TABLE_LOCAL, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL, 0
    )


def _route_to(subnet: str) -> bytes:
    net = ip_network(subnet)
    out = attribute(RTA_OIF, struct.pack("=i", socket.if_nametoindex("lo")))
    return _local_route(net.prefixlen) + attribute(RTA_DST, net.network_address.packed) + out


def _read_link(body: bytes) -> Link:
    _, _, index, flags, _ = IFINFOMSG.unpack_from(body)
    values = attributes(body[IFINFOMSG.size :])
    port = attributes(attributes(values.get(IFLA_LINKINFO, b"")).get(IFLA_INFO_SLAVE_DATA, b""))
    return Link(
        index=index,
        name=string(values[IFLA_IFNAME]),
        master=_number(values.get(IFLA_MASTER, b"\0\0\0\0")),
        hairpin=port.get(IFLA_BRPORT_MODE, b"\0") != b"\0",
        up=bool(flags & IFF_UP),
        peer=_number(values.get(IFLA_LINK, b"\0\0\0\0")),
        mac=values.get(IFLA_ADDRESS, b""),
    )


def _number(raw: bytes) -> int:
    return int(struct.unpack("=i", raw)[0])
