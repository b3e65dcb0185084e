"""Keeps established connections translated while somebody flushes the machine's ruleset.

The kernel tracks connections and translates their packets only as long as any rule asks for that. When a
script flushes the ruleset, ours go too, and until they are written again the packets of established
connections would reach the machine itself, which answers with a reset. A table that a netlink socket owns is
left out of a flush, so one with nat chains, and one rule that looks at a connection's state, keeps all that
up. It is gone with its socket.
"""

from __future__ import annotations

import os
import socket
import struct

_NETFILTER = 12
_NFTABLES = 10 << 8
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE = _NFTABLES | 0, _NFTABLES | 3, _NFTABLES | 6
_BEGIN, _END = 0x10, 0x11
_REQUEST, _ACK, _CREATE = 0x1, 0x4, 0x400
_ERROR = 2
_NESTED = 0x8000
_OWNER = 2
_HOOKS = {b"prerouting": (0, -99), b"input": (1, 101), b"output": (3, -99), b"postrouting": (4, 101)}
"""Each with its number and a priority beside those that others use."""
_HEADER = struct.Struct("=IHHII")


def keep_translating(name: str) -> socket.socket:
    """Make the table `ip NAME` in this thread's namespace, owned by the socket that is returned.

    Raises OSError where the kernel (before 5.12) knows no owners.
    """
    owner = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    try:
        owner.bind((0, 0))
        owner.settimeout(2.0)
        owner.send(_batch(name.encode() + b"\0"))
        _acknowledged(owner, 2 + len(_HOOKS))
    except BaseException:
        owner.close()
        raise
    return owner


def _batch(name: bytes) -> bytes:
    table = _attribute(1, name)
    parts = [
        _message(_BEGIN, _REQUEST, 0, _NFTABLES >> 8, b""),
        _message(
            _NEW_TABLE, _REQUEST | _ACK | _CREATE, 1, 0, table + _attribute(2, struct.pack(">I", _OWNER))
        ),
    ]
    for number, (chain, (hook, priority)) in enumerate(_HOOKS.items(), 2):
        place = _attribute(1, struct.pack(">I", hook)) + _attribute(2, struct.pack(">i", priority))
        body = table + _attribute(3, chain + b"\0") + _attribute(_NESTED | 4, place) + _attribute(7, b"nat\0")
        parts.append(_message(_NEW_CHAIN, _REQUEST | _ACK | _CREATE, number, 0, body))
    state = _attribute(1, struct.pack(">I", 1)) + _attribute(2, struct.pack(">I", 0))  # into register 1
    expression = _attribute(1, b"ct\0") + _attribute(_NESTED | 2, state)
    body = table + _attribute(2, b"prerouting\0")
    body += _attribute(_NESTED | 4, _attribute(_NESTED | 1, expression))
    parts.append(_message(_NEW_RULE, _REQUEST | _ACK | _CREATE, 9, 0, body))
    return b"".join([*parts, _message(_END, _REQUEST, 0, _NFTABLES >> 8, b"")])


def _message(kind: int, flags: int, sequence: int, resource: int, body: bytes) -> bytes:
    family = 0 if kind in (_BEGIN, _END) else socket.AF_INET
    payload = struct.pack(">BBH", family, 0, resource) + body
    return _HEADER.pack(_HEADER.size + len(payload), kind, flags, sequence, 0) + payload


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def _acknowledged(owner: socket.socket, count: int) -> None:
    while count > 0:
        data, at = owner.recv(65536), 0
        while at + _HEADER.size <= len(data):
            length, kind, _, _, _ = _HEADER.unpack_from(data, at)
            if kind == _ERROR:
                code = -int(struct.unpack_from("=i", data, at + _HEADER.size)[0])
                if code:
                    raise OSError(code, os.strerror(code))
                count -= 1
            at += (length + 3) & ~3
