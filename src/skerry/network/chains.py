"""Chains of the engine's that somebody flushed away: it makes them when it starts, no network without them.

What it says then is which rule it could not write.
"""

from __future__ import annotations

import re

from skerry.linux.tools import run

_MISSING = re.compile(
    r"iptables( -[^:]+):.*(?:No chain/target/match by that name|does not exist)",
    re.DOTALL,
)
_TABLE = re.compile(r" -t (\w+) ")
_CHAIN = re.compile(r" (DOCKER[A-Z0-9-]*)\b")
USUAL = "filter"


def missing(message: str) -> list[tuple[str, str]]:
    """The engine's own chains (table, name) of which its message may speak."""
    match = _MISSING.search(message)
    if match is None:
        return []
    rule = match[1]
    table = _TABLE.search(rule)
    return [(table[1] if table else USUAL, name) for name in _CHAIN.findall(rule)]


async def restore(message: str) -> bool:
    """Make what is missing, empty; whether there was something."""
    restored = False
    for table, name in missing(message):
        code, _, _ = await run(["iptables", "-w", "-t", table, "-N", name])
        restored = restored or code == 0
    return restored
