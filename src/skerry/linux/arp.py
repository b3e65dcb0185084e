"""Announcing an address by ARP: whoever knows another hardware address for it forgets that one (RFC 5227)."""

from __future__ import annotations

import socket
import struct

ETH_P_ARP = 0x0806
EVERYBODY = b"\xff" * 6
_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
"""Hardware and protocol, the lengths of their addresses, what it is; sender and target."""
ETHERNET, IPV4, REQUEST = 1, 0x0800, 1


def announcement(mac: bytes, address: str) -> bytes:
    """The frame that says whose an address is."""
    own = socket.inet_aton(address)
    body = _ARP.pack(ETHERNET, IPV4, len(mac), len(own), REQUEST, mac, own, bytes(6), own)
    return _ETHERNET.pack(EVERYBODY, mac, ETH_P_ARP) + body
