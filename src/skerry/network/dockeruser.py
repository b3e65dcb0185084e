"""Two rules in DOCKER-USER, the engine's own chain for its users: translated flows may pass to our bridges.

The engine's FORWARD policy is drop and its isolation rules drop the answers to containers of other
networks; an accept in our own table would not overrule either.
"""

from __future__ import annotations

from skerry.network.commands import check, run

TABLE = "filter"
CHAIN = "DOCKER-USER"
RULES = (
    ("-i", "sk-+", "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"),
    ("-o", "sk-+", "-m", "conntrack", "--ctstate", "DNAT", "-j", "ACCEPT"),
)


def concerns(table: str, chain: str) -> bool:
    """Whether a loss in a chain of an IPv4 table (empty: the whole table) may be one of the rules'."""
    return table == TABLE and chain in ("", CHAIN)


async def ensure() -> None:
    """Have the rules, and the chain where the engine has not made it yet. Raises NetworkError."""
    code, _, _ = await run(["iptables", "-w", "-n", "-L", CHAIN])
    if code != 0:
        await check(["iptables", "-w", "-N", CHAIN])
    for rule in RULES:
        code, _, _ = await run(["iptables", "-w", "-C", CHAIN, *rule])
        if code != 0:
            await check(["iptables", "-w", "-I", CHAIN, *rule])


async def remove() -> None:
    """Take the rules away; the chain stays, it is the engine's."""
    for rule in RULES:
        await run(["iptables", "-w", "-D", CHAIN, *rule])
