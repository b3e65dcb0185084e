"""Has the kernel keep back what nobody waits for: a filter on a socket that listens to netlink's groups.

An engine changes some hundred rules and links at each start and stop of a container, and each change would
wake whoever listens. The filter goes by the type of a message; datagrams with several messages pass.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

SO_ATTACH_FILTER = 26
LOAD_BYTE, LOAD_SIZE, COPY_TO_X = 0x30, 0x80, 0x07
SHIFT_LEFT, ADD_X, IF_EQUAL, IF_EQUAL_X, RETURN = 0x64, 0x0C, 0x15, 0x1D, 0x06
"""Codes of the classic packet filter (linux/bpf_common.h), as far as they are used."""
WHOLE, NOTHING = 0xFFFFFFFF, 0
_LITTLE = sys.byteorder == "little"
_LENGTH = (0, 1, 2, 3) if _LITTLE else (3, 2, 1, 0)
"""Where the bytes of a message's length are, the lowest first; the header is in the machine's own order."""
_TYPE = 4 if _LITTLE else 5
"""Where the low byte of its type is; the high one is the same for all of a group."""


class Instruction(NamedTuple):
    """One instruction; `then` and `otherwise` are how many of the next are left out."""

    code: int
    value: int = 0
    then: int = 0
    otherwise: int = 0


def program(kinds: Sequence[int]) -> list[Instruction]:
    """Pass a datagram whose one message is of these types, or that has several messages, or a long one."""
    low, second, third, high = _LENGTH
    last = 14 + len(kinds)  # the instruction that lets pass
    return [
        Instruction(LOAD_BYTE, high),
        Instruction(IF_EQUAL, 0, otherwise=last - 2),
        Instruction(LOAD_BYTE, third),
        Instruction(IF_EQUAL, 0, otherwise=last - 4),
        Instruction(LOAD_BYTE, second),
        Instruction(SHIFT_LEFT, 8),
        Instruction(COPY_TO_X),
        Instruction(LOAD_BYTE, low),
        Instruction(ADD_X),
        Instruction(COPY_TO_X),
        Instruction(LOAD_SIZE),
        Instruction(IF_EQUAL_X, otherwise=last - 12),
        Instruction(LOAD_BYTE, _TYPE),
        *(Instruction(IF_EQUAL, kind & 0xFF, then=last - 14 - at) for at, kind in enumerate(kinds)),
        Instruction(RETURN, NOTHING),
        Instruction(RETURN, WHOLE),
    ]


def attach(listening: socket.socket, kinds: Sequence[int]) -> None:
    """Let only messages of these types through to a socket. A kernel that refuses lets all through."""
    instructions = program(kinds)
    packed = b"".join(
        struct.pack("=HBBI", one.code, one.then, one.otherwise, one.value) for one in instructions
    )
    held = ctypes.create_string_buffer(packed)
    with suppress(OSError):
        listening.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(instructions), ctypes.addressof(held))
        )
