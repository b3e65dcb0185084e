"""Has the kernel keep back what nobody waits for: a filter on a socket that listens to netlink's groups.

An engine changes some hundred rules and links at each start and stop of a container, and each change would
wake whoever listens. The filter goes by the type of a message and, where that is not enough, by the name that
it begins with; datagrams with several messages pass.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

SO_ATTACH_FILTER = 26
LOAD_BYTE, LOAD_HALF, LOAD_WORD, LOAD_SIZE, COPY_TO_X = 0x30, 0x28, 0x20, 0x80, 0x07
SHIFT_LEFT, AND, ADD_X, IF_EQUAL, IF_EQUAL_X, RETURN = 0x64, 0x54, 0x0C, 0x15, 0x1D, 0x06
"""Codes of the classic packet filter (linux/bpf_common.h), as far as they are used."""
WHOLE, NOTHING = 0xFFFFFFFF, 0
PREFIX_SIZE = 3
_LITTLE = sys.byteorder == "little"
_LENGTH = (0, 1, 2, 3) if _LITTLE else (3, 2, 1, 0)
"""Where the bytes of a message's length are, the lowest first; the header is in the machine's own order."""
_TYPE = 4 if _LITTLE else 5
"""Where the low byte of its type is; the high one is the same for all of a group."""


class Named(NamedTuple):
    """Messages that count only for some names: where, in each of them, there is an attribute of this type, it
    has to begin with one of the prefixes, `PREFIX_SIZE` bytes each."""

    kinds: Sequence[int]
    at: int
    """Where the attribute is in the message, its header included."""
    attribute: int
    prefixes: Sequence[bytes]


class Instruction(NamedTuple):
    """One instruction; `then` and `otherwise` are how many of the next are left out."""

    code: int
    value: int = 0
    then: int = 0
    otherwise: int = 0


class _Step(NamedTuple):
    """One instruction, with the labels of where it goes on; by default with the next one."""

    code: int
    value: int = 0
    then: str = ""
    otherwise: str = ""
    label: str = ""


def program(kinds: Sequence[int], named: Named | None = None) -> list[Instruction]:
    """Pass a datagram whose one message is of these types, or that has several messages, or a long one."""
    steps = tuple(_steps(kinds, named))
    places = {step.label: at for at, step in enumerate(steps) if step.label}

    def leap(at: int, label: str) -> int:
        return places[label] - at - 1 if label else 0

    return [
        Instruction(step.code, step.value, leap(at, step.then), leap(at, step.otherwise))
        for at, step in enumerate(steps)
    ]


def _steps(kinds: Sequence[int], named: Named | None) -> Iterator[_Step]:
    """First whether the datagram is one message, by its length; then its type; then its name."""
    low, second, third, high = _LENGTH
    yield _Step(LOAD_BYTE, high)
    yield _Step(IF_EQUAL, 0, otherwise="pass")
    yield _Step(LOAD_BYTE, third)
    yield _Step(IF_EQUAL, 0, otherwise="pass")
    yield _Step(LOAD_BYTE, second)
    yield _Step(SHIFT_LEFT, 8)
    yield _Step(COPY_TO_X)
    yield _Step(LOAD_BYTE, low)
    yield _Step(ADD_X)
    yield _Step(COPY_TO_X)
    yield _Step(LOAD_SIZE)
    yield _Step(IF_EQUAL_X, otherwise="pass")
    yield _Step(LOAD_BYTE, _TYPE)
    for kind in kinds:
        yield _Step(IF_EQUAL, kind & 0xFF, then="named" if named and kind in named.kinds else "pass")
    yield _Step(RETURN, NOTHING)
    if named is not None:
        yield _Step(LOAD_HALF, named.at + 2, label="named")
        yield _Step(IF_EQUAL, socket.htons(named.attribute), otherwise="pass")
        yield _Step(LOAD_WORD, named.at + 4)
        yield _Step(AND, 0xFFFFFF00)
        for prefix in named.prefixes:
            yield _Step(IF_EQUAL, int.from_bytes(prefix.ljust(4, b"\0")), then="pass")
        yield _Step(RETURN, NOTHING)
    yield _Step(RETURN, WHOLE, label="pass")


def attach(listening: socket.socket, kinds: Sequence[int], named: Named | None = None) -> None:
    """Let only messages of these types through to a socket. A kernel that refuses lets all through."""
    instructions = program(kinds, named)
    packed = b"".join(
        struct.pack("=HBBI", step.code, step.then, step.otherwise, step.value) for step in instructions
    )
    held = ctypes.create_string_buffer(packed)
    with suppress(OSError):
        listening.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(instructions), ctypes.addressof(held))
        )
