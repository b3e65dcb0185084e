"""The two families of addresses, IPv4 and IPv6: what differs between them stands here, and nowhere twice."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address


@dataclass(frozen=True, eq=False)  # there are two, and they are asked for often
class Family:
    """One family: its numbers, and the words that others have for it."""

    version: int
    number: int
    """The kernel's own, as in `AF_INET`."""
    bits: int
    """An address's length."""
    word: str
    """What nft and ip call it."""
    key: str
    """What the engine calls an address that somebody asks for."""
    shown_key: str
    """And one that somebody has."""
    tool: str
    """What lists the chains that the engine makes."""
    nft_type: str
    loopback: str
    unreachable: str
    """nft's words for what is said of a network or host that can't be reached."""
    neighbourly: str
    """nft's words for how neighbours are looked for, where that is a part of the protocol itself."""
    routable: str
    """nft's words for whom answers reach that come from another link; empty: everybody."""


FOUR = Family(
    version=4,
    number=2,
    bits=32,
    word="ip",
    key="IPv4Address",
    shown_key="IPAddress",
    tool="iptables",
    nft_type="ipv4_addr",
    loopback="127.0.0.0/8",
    unreachable="icmp type destination-unreachable icmp code 0-1",
    neighbourly="",
    routable="",
)
SIX = Family(
    version=6,
    number=10,
    bits=128,
    word="ip6",
    key="IPv6Address",
    shown_key="GlobalIPv6Address",
    tool="ip6tables",
    nft_type="ipv6_addr",
    loopback="::1",
    unreachable="icmpv6 type destination-unreachable icmpv6 code { 0, 3 }",
    neighbourly="icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }",
    routable="ip6 saddr != { ::1, fe80::/10 }",
)
FAMILIES = (FOUR, SIX)


def family_of(address: str) -> Family:
    """The family of an address, or of a subnet."""
    return SIX if ":" in address else FOUR


def is_loopback(address: str) -> bool:
    """Whether an address is the loopback's."""
    return address.startswith("127.") or address == "::1"


def packed(address: str) -> bytes:
    """An address as the kernel has it."""
    return ip_address(address).packed


def unpacked(octets: bytes) -> str:
    """An address as people write it."""
    return str(ip_address(octets))
