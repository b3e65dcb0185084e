"""The frame that announces an address."""

from __future__ import annotations

from skerry.linux.arp import announcement


def test_everybody_is_told_whose_an_address_is() -> None:
    frame = announcement(bytes.fromhex("02420a000102"), "10.0.1.2")
    ethernet, arp = frame[:14].hex(" ", 2), frame[14:].hex(" ", 2)
    assert ethernet == "ffff ffff ffff 0242 0a00 0102 0806"
    assert arp == "0001 0800 0604 0001 0242 0a00 0102 0a00 0102 0000 0000 0000 0a00 0102"
