"""Announcing an address by neighbour discovery: whoever knows another hardware address for it takes this one
(RFC 4861, an unsolicited advertisement)."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address
from socket import IPPROTO_ICMPV6

ETH_P_IPV6 = 0x86DD
EVERYBODY = IPv6Address("ff02::1")
EVERYBODYS_MAC = bytes.fromhex("333300000001")
ADVERTISEMENT, OVERRIDE, TARGET_LINK = 136, 0x2000_0000, 2
HOP_LIMIT = 255
"""What neighbours alone can have."""
_ETHERNET = struct.Struct("!6s6sH")
_IPV6 = struct.Struct("!IHBB16s16s")
_ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")
"""Kind, code, checksum, flags, whose address; and the option with its hardware address, in 8 bytes each."""


def announcement(mac: bytes, address: str) -> bytes:
    """The frame that says whose an address is."""
    own, everybody = IPv6Address(address).packed, EVERYBODY.packed
    body = _advertisement(mac, own, 0)
    pseudo = own + everybody + struct.pack("!II", len(body), IPPROTO_ICMPV6)
    body = _advertisement(mac, own, _checksum(pseudo + body))
    head = _IPV6.pack(6 << 28, len(body), IPPROTO_ICMPV6, HOP_LIMIT, own, everybody)
    return _ETHERNET.pack(EVERYBODYS_MAC, mac, ETH_P_IPV6) + head + body


def _advertisement(mac: bytes, own: bytes, checksum: int) -> bytes:
    return _ADVERTISEMENT.pack(ADVERTISEMENT, 0, checksum, OVERRIDE, own, TARGET_LINK, 1, mac)


def _checksum(data: bytes) -> int:
    """The Internet's: the complement of the sum of all 16-bit words."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
