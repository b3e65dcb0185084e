"""The filter of a listening socket, by the kernel itself: what passes, and what is kept back."""

from __future__ import annotations

import socket
import struct

import pytest

from skerry.linux.netlink import HEADER_SIZE, text
from skerry.linux.netlink_filter import Named, attach

WANTED, OTHER = 0x0A02, 0x0A0C


def message(kind: int, size: int = 20) -> bytes:
    """As the kernel sends it, of so many bytes in all."""
    return struct.pack("=IHHII", size, kind, 0, 7, 0) + bytes(size - 16)


def has_passed(datagram: bytes, named: Named | None = None) -> bool:
    """Whether a filter lets a datagram through, before one that passes in any case."""
    sender, listening = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, listening:
        attach(listening, [WANTED, 0x0A08], named)
        sender.send(datagram)
        sender.send(message(0x0A08, 24))
        return listening.recv(1 << 17) == datagram


@pytest.mark.parametrize(
    ("datagram", "passes"),
    [
        (message(WANTED), True),
        (message(WANTED, 16), True),
        (message(0x0A08, 300), True),
        (message(OTHER), False),
        (message(OTHER, 300), False),
        (message(OTHER, 4096), False),
        (message(OTHER) + message(WANTED), True),
        (message(OTHER, 300) + message(OTHER), True),
        (message(OTHER, 1 << 16), True),
    ],
    ids=[
        "wanted",
        "without a body",
        "the other wanted one",
        "not wanted",
        "not wanted, longer than a byte tells",
        "not wanted, a page",
        "a wanted one comes second",
        "several",
        "too long to be measured",
    ],
)
def test_what_passes(datagram: bytes, passes: bool) -> None:
    assert has_passed(datagram) is passes


def test_without_a_kind_one_message_never_passes() -> None:
    sender, listening = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, listening:
        attach(listening, [])
        sender.send(message(OTHER))
        sender.send(message(OTHER) * 2)
        assert len(listening.recv(1 << 17)) == 40


NAME = 3


def beginning_with(kind: int, name: str, attribute: int = NAME) -> bytes:
    """A message with eight bytes and then an attribute."""
    body = bytes(8) + text(attribute, name)
    return message(kind, HEADER_SIZE + len(body))[:HEADER_SIZE] + body


@pytest.mark.parametrize(
    ("datagram", "passes"),
    [
        (beginning_with(WANTED, "sk-one"), True),
        (beginning_with(WANTED, "sl-"), True),
        (beginning_with(WANTED, "veth1"), False),
        (beginning_with(WANTED, "sm-one"), False),
        (beginning_with(WANTED, "s"), False),
        (beginning_with(WANTED, "veth1", NAME + 1), True),
        (beginning_with(0x0A08, "veth1"), True),
        (beginning_with(OTHER, "sk-one"), False),
        (beginning_with(WANTED, "veth1") * 2, True),
    ],
    ids=[
        "a name",
        "the other beginning",
        "another name",
        "nearly",
        "a short name",
        "another attribute",
        "a kind whose names do not count",
        "another kind",
        "several",
    ],
)
def test_what_passes_by_its_name(datagram: bytes, passes: bool) -> None:
    names = Named([WANTED], HEADER_SIZE + 8, NAME, [b"sk-", b"sl-"])
    assert has_passed(datagram, names) is passes
