"""Notices when somebody else changes the machine's ruleset: the kernel tells, nobody has to ask."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from skerry.network.errors import NetworkError

log = structlog.get_logger()

_NETFILTER = 12
_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP = 270, 1, 7  # NFNLGRP_NFTABLES
PAUSE_S = 0.1
"""Looks come no closer than that: a big change comes in many pieces."""


class Watch:
    """Calls `look` after changes of the ruleset, until closed. `look` may raise NetworkError: it is called
    again after a while."""

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        self._look = look
        self._changed = asyncio.Event()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETFILTER)
        self._socket.bind((0, 0))
        self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP)
        asyncio.get_running_loop().add_reader(self._socket, self._heard)
        self._looking = asyncio.create_task(self._run(), name="ruleset watch")

    def _heard(self) -> None:
        with suppress(OSError):  # no more for now; or more than the buffer takes, which is a change too
            while self._socket.recv(1 << 16):
                pass
        self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._look()
            except (NetworkError, OSError) as error:
                log.warning("the ruleset could not be repaired; trying again", reason=str(error))
                self._changed.set()
            await asyncio.sleep(PAUSE_S)

    async def close(self) -> None:
        """Look no more."""
        self._looking.cancel()
        with suppress(asyncio.CancelledError):
            await self._looking
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
