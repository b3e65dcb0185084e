"""nf_tables: scripts by its own tool, and the few messages for which a process would cost too much."""

from __future__ import annotations

from errno import ENOENT
from pathlib import Path
from socket import AF_INET

from skerry.linux.netlink import NETLINK_NETFILTER, Netlink, netfilter, text
from skerry.linux.tools import check, run

NFNL_SUBSYS_NFTABLES = 10
_SUBSYSTEM = NFNL_SUBSYS_NFTABLES << 8
NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE = _SUBSYSTEM | 0, _SUBSYSTEM | 2
NFT_MSG_NEWCHAIN, NFT_MSG_GETCHAIN, NFT_MSG_DELCHAIN = _SUBSYSTEM | 3, _SUBSYSTEM | 4, _SUBSYSTEM | 5
NFT_MSG_NEWRULE, NFT_MSG_DELRULE = _SUBSYSTEM | 6, _SUBSYSTEM | 8
NFTA_TABLE_NAME, NFTA_TABLE_FLAGS = 1, 2
NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_TYPE = 1, 3, 4, 7
NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS = 1, 2, 4


async def apply(script: str, namespace: Path | None = None) -> str:
    """Apply a script in one transaction, in a namespace if one is given; its output. Raises NetworkError."""
    entered = [] if namespace is None else ["nsenter", f"--net={namespace}"]
    return await check([*entered, "nft", "-f", "-"], script)


async def attempt(*words: str) -> str:
    """Run one nft command that may fail where nothing is there; its output, empty where it failed."""
    code, output, _ = await run(["nft", *words])
    return output if code == 0 else ""


def has_chain(table: str, chain: str) -> bool:
    """Whether an IPv4 table of this thread's namespace has a chain. Blocks. Raises OSError."""
    name = text(NFTA_CHAIN_TABLE, table) + text(NFTA_CHAIN_NAME, chain)
    with Netlink(NETLINK_NETFILTER) as netlink:
        return netlink.do(NFT_MSG_GETCHAIN, netfilter(AF_INET) + name, refusals=(ENOENT,))
