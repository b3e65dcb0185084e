"""Keeps established connections translated while somebody flushes the machine's ruleset.

The kernel tracks connections and translates their packets only as long as any rule asks for that. When a
script flushes the ruleset, ours go too, and until they are written again the packets of established
connections would reach the machine itself, which answers with a reset. A table that a netlink socket owns is
left out of a flush, so one with nat chains, and one rule that looks at a connection's state, keeps all that
up. It is gone with its socket.
"""

from __future__ import annotations

import struct
from socket import AF_UNSPEC

from skerry.linux import nft
from skerry.linux.families import spoken
from skerry.linux.netlink import (
    NETLINK_NETFILTER,
    NLM_F_ACK,
    NLM_F_CREATE,
    Netlink,
    attribute,
    nested,
    netfilter,
    text,
)
from skerry.model.family import Family

NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END = 0x10, 0x11
NFT_TABLE_F_OWNER = 2
NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY = 1, 2
NFTA_LIST_ELEM, NFTA_EXPR_NAME, NFTA_EXPR_DATA = 1, 1, 2
NFTA_CT_DREG, NFTA_CT_KEY = 1, 2
NFT_REG_1, NFT_CT_STATE = 1, 0
HOOKS = {"prerouting": (0, -99), "input": (1, 101), "output": (3, -99), "postrouting": (4, 101)}
"""Each with its number and a priority beside those that others use."""


def keep_translating(name: str) -> Netlink:
    """Make a table NAME for each family in this thread's namespace, owned by the socket that is returned.

    Raises OSError where the kernel (before 5.12) knows no owners.
    """
    owner = Netlink(NETLINK_NETFILTER)
    try:
        owner.batch(_requests(name))
    except BaseException:
        owner.close()
        raise
    return owner


def _requests(name: str) -> list[tuple[int, int, bytes]]:
    mark = netfilter(AF_UNSPEC, resource=nft.NFNL_SUBSYS_NFTABLES)
    return [
        (NFNL_MSG_BATCH_BEGIN, 0, mark),
        *(request for family in spoken() for request in _table(family, name)),
        (NFNL_MSG_BATCH_END, 0, mark),
    ]


def _table(family: Family, name: str) -> list[tuple[int, int, bytes]]:
    head, flags = netfilter(family.number), NLM_F_ACK | NLM_F_CREATE
    table = text(nft.NFTA_TABLE_NAME, name) + attribute(nft.NFTA_TABLE_FLAGS, _number(NFT_TABLE_F_OWNER))
    chains = [head + text(nft.NFTA_CHAIN_TABLE, name) + _chain(hook) for hook in HOOKS]
    rule = text(nft.NFTA_RULE_TABLE, name) + text(nft.NFTA_RULE_CHAIN, "prerouting") + _load_state()
    return [
        (nft.NFT_MSG_NEWTABLE, flags, head + table),
        *[(nft.NFT_MSG_NEWCHAIN, flags, chain) for chain in chains],
        (nft.NFT_MSG_NEWRULE, flags, head + rule),
    ]


def _chain(hook: str) -> bytes:
    number, priority = HOOKS[hook]
    place = attribute(NFTA_HOOK_HOOKNUM, _number(number)) + attribute(NFTA_HOOK_PRIORITY, _number(priority))
    return (
        text(nft.NFTA_CHAIN_NAME, hook)
        + nested(nft.NFTA_CHAIN_HOOK, place)
        + text(nft.NFTA_CHAIN_TYPE, "nat")
    )


def _load_state() -> bytes:
    """The one expression of the rule: the connection's state, into a register that nobody reads."""
    state = attribute(NFTA_CT_DREG, _number(NFT_REG_1)) + attribute(NFTA_CT_KEY, _number(NFT_CT_STATE))
    expression = text(NFTA_EXPR_NAME, "ct") + nested(NFTA_EXPR_DATA, state)
    return nested(nft.NFTA_RULE_EXPRESSIONS, nested(NFTA_LIST_ELEM, expression))


def _number(value: int) -> bytes:
    return struct.pack("!i", value)
