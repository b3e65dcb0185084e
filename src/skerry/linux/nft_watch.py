"""Notices when somebody takes something out of the machine's ruleset: the kernel tells, nobody has to ask.

An engine changes the ruleset at each start and stop of a container, and so do we; to look after each of these
would start more processes than the container itself. The kernel says what is gone, and where.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import structlog

from skerry.linux import nft
from skerry.linux.netlink import NETLINK_NETFILTER, Message, Subscription, attributes, string

log = structlog.get_logger()

NFNLGRP_NFTABLES = 7
_NFGENMSG_SIZE = 4
_TABLE = 1
"""The attribute that names the table, in each of these messages."""
_CHAIN_OF = {
    nft.NFT_MSG_DELTABLE: 0,
    nft.NFT_MSG_DELCHAIN: nft.NFTA_CHAIN_NAME,
    nft.NFT_MSG_DELRULE: nft.NFTA_RULE_CHAIN,
}
"""What tells of a loss, and its attribute that names the chain (0: none does)."""
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


def loss_of(message: Message) -> Loss | None:
    """What a message tells to be gone, if that is what it tells."""
    if message.kind not in _CHAIN_OF or len(message.body) < _NFGENMSG_SIZE:
        return None
    names = attributes(message.body[_NFGENMSG_SIZE:])
    table, chain = names.get(_TABLE, b""), names.get(_CHAIN_OF[message.kind], b"")
    return Loss(message.body[0], string(table), string(chain), message.port)


class RulesetWatch:
    """Calls `look` after each loss that `concerns` us, until closed. `look` may raise: it is called again
    after a while."""

    def __init__(self, look: Callable[[], Awaitable[None]], concerns: Callable[[Loss], bool]) -> None:
        self._look = look
        self._changed = asyncio.Event()
        self._subscription = Subscription(
            NETLINK_NETFILTER,
            [NFNLGRP_NFTABLES],
            tuple(_CHAIN_OF),
            lambda message: (loss := loss_of(message)) is not None and concerns(loss),
            self._changed.set,
        )
        self._looking = asyncio.create_task(self._run(), name="ruleset watch")

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
        self._subscription.close()
