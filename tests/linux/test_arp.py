"""Announcing addresses: the frame, and who hears it."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from skerry.linux import nd, netns
from skerry.linux.announcer import Announcer
from skerry.linux.arp import ETH_P_ARP, announcement


def test_everybody_is_told_whose_an_address_is() -> None:
    frame = announcement(bytes.fromhex("02420a000102"), "10.0.1.2")
    ethernet, arp = frame[:14].hex(" ", 2), frame[14:].hex(" ", 2)
    assert ethernet == "ffff ffff ffff 0242 0a00 0102 0806"
    assert arp == "0001 0800 0604 0001 0242 0a00 0102 0a00 0102 0000 0000 0000 0a00 0102"


@pytest.mark.case("N13")
def test_everybody_is_told_whose_an_ipv6_address_is() -> None:
    frame = nd.announcement(bytes.fromhex("02420a000102"), "fd00:1::2")
    assert frame[:14].hex(" ", 2) == "3333 0000 0001 0242 0a00 0102 86dd"
    head, body = frame[14:54], frame[54:]
    assert head[:8].hex(" ", 2) == "6000 0000 0020 3aff"
    assert body[:2] + body[4:8] == bytes.fromhex("8800 2000 0000")
    assert body[8:24] == head[8:24] == IPv6Address("fd00:1::2").packed
    assert body[24:] == bytes.fromhex("0201 0242 0a00 0102")
    words = struct.unpack(f"!{(32 + 8 + 32) // 2}H", head[8:40] + struct.pack("!II", 32, 58) + body)
    total = sum(words)
    assert (total & 0xFFFF) + (total >> 16) in (0xFFFF, 0x1FFFE), "the checksum makes it whole"


@pytest.fixture
def pair() -> Iterator[tuple[Path, Path]]:
    """Two namespaces with a link between them; the first has two addresses, and a link that is down."""
    names = [f"skerry-arp-{os.getpid()}-{number}" for number in (1, 2)]
    one, other = names
    for name in names:
        subprocess.run(["ip", "netns", "add", name], check=True)
    for words in (
        f"-n {one} link add eth0 type veth peer name eth0 netns {other}",
        f"-n {one} link add eth1 type veth peer name eth2",
        f"-n {one} addr add 10.0.1.2/24 dev eth0",
        f"-n {one} addr add 10.0.1.3/24 dev eth0",
        f"-n {one} addr add 10.0.2.2/24 dev eth1",
        f"-n {one} link set lo up",
        f"-n {one} link set eth0 up",
        f"-n {other} link set eth0 up",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    yield netns.RUN_NETNS / one, netns.RUN_NETNS / other
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.mark.engine
@pytest.mark.timeout(60)
def test_neighbours_hear_of_each_address_on_its_link(pair: tuple[Path, Path]) -> None:
    def listening() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
        made.bind(("eth0", ETH_P_ARP))
        made.settimeout(20)
        return made

    with netns.inside(pair[1], listening) as ears, netns.inside(pair[0], Announcer) as announcer:
        for _ in range(2):
            announcer.announce()
            told = {socket.inet_ntoa(ears.recv(100)[28:32]) for _ in range(2)}
            assert told == {"10.0.1.2", "10.0.1.3"}
