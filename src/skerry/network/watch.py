"""Notices when somebody takes something out of the machine's ruleset: the kernel tells, nobody has to ask.

An engine changes the ruleset at each start and stop of a container, and so do we; to look after each of these
would start more processes than the container itself. The kernel says what is gone, and where.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import structlog

from skerry.network.netlink import attributes

log = structlog.get_logger()

_NETFILTER = 12
_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP = 270, 1, 7  # NFNLGRP_NFTABLES
_SUBSYSTEM = 10
_CHAIN_OF = {2: 0, 5: 3, 8: 2}
"""What tells of a loss (a table, a chain, a rule is gone), and its attribute that names the chain. Each names
its table in attribute 1. Source: the kernel's linux/netfilter/nf_tables.h."""
_HEADER = struct.Struct("=IHHII")
_FAMILY = struct.Struct("=Bxxx")
IPV4 = 2
PAUSE_S = 0.1
"""Looks come no closer than that: a big change comes in many pieces."""


class Loss(NamedTuple):
    """What is gone: a table, or something of a chain of it."""

    family: int
    table: str
    chain: str
    """Empty: the whole table."""
    by: int = 0
    """Who took it away: the number of a netlink socket, which is mostly that of its process."""


def losses(data: bytes) -> Iterator[Loss]:
    """What the kernel's messages tell to be gone."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, by = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        body = data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3
        if kind >> 8 == _SUBSYSTEM and kind & 0xFF in _CHAIN_OF:
            named = attributes(body[_FAMILY.size :])
            table, chain = named.get(1, b""), named.get(_CHAIN_OF[kind & 0xFF], b"")
            yield Loss(_FAMILY.unpack_from(body)[0], _text(table), _text(chain), by)


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


class Watch:
    """Calls `look` after each loss that `concerns` us, until closed. `look` may raise NetworkError: it is
    called again after a while."""

    def __init__(self, look: Callable[[], Awaitable[None]], concerns: Callable[[Loss], bool]) -> None:
        self._look = look
        self._concerns = concerns
        self._changed = asyncio.Event()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETFILTER)
        self._socket.bind((0, 0))
        self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP)
        asyncio.get_running_loop().add_reader(self._socket, self._heard)
        self._looking = asyncio.create_task(self._run(), name="ruleset watch")

    def _heard(self) -> None:
        try:
            while data := self._socket.recv(1 << 16):
                if any(map(self._concerns, losses(data))):
                    self._changed.set()
        except BlockingIOError:
            pass
        except OSError:  # more was told than the buffer takes: anything may be gone
            self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - a look that fails is no reason to look no more
                log.warning("the ruleset could not be repaired; trying again", reason=repr(error))
                self._changed.set()
            await asyncio.sleep(PAUSE_S)

    async def close(self) -> None:
        """Look no more."""
        self._looking.cancel()
        with suppress(asyncio.CancelledError):
            await self._looking
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
