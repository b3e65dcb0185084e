"""A chain of ours in FORWARD: translated flows may pass to our bridges, unless the user drops them.

The engine's FORWARD policy is drop and its isolation rules drop the answers to containers of other networks;
an accept in our own table would not overrule either. The engine's users write their rules into DOCKER-USER,
which is asked first. Our chain stands right behind it, before anything of the engine's: what a user drops
is dropped. Engines put what is theirs to the top of FORWARD whenever they start, and older ones whenever a
network is made; so the place is looked after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from skerry.linux.tools import check, run
from skerry.model.family import FAMILIES, FOUR, Family

TABLE, HOOK = "filter", "FORWARD"
USERS, CHAIN = "DOCKER-USER", "SKERRY-FORWARD"
RULES = ("-i sk-+ -m conntrack --ctstate DNAT -j ACCEPT", "-o sk-+ -m conntrack --ctstate DNAT -j ACCEPT")
"""Of every instance on this machine. Former versions had them in DOCKER-USER itself."""
NEIGHBOURLY = tuple(f"-i sk-+ -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j ACCEPT" for kind in (135, 136))
"""Over IPv6 neighbours are asked for by packets that are forwarded as any other."""

TO_USERS, TO_OURS = f"-A {HOOK} -j {USERS}", f"-A {HOOK} -j {CHAIN}"
TO_ENGINES = {f"-A {HOOK} -j DOCKER-ISOLATION-STAGE-1", f"-A {HOOK} -j DOCKER-FORWARD"}
SETTLE_S = 0.3
LOOKS = 10
"""Where the user's chain is gone, its maker is about to come back: so often its place is looked for."""


def concerns(table: str, chain: str) -> bool:
    """Whether a loss in a chain of a table (empty: the whole table) may be ours, or have moved ours."""
    return table == TABLE and chain in ("", HOOK, CHAIN)


async def ensure(settle_s: float = SETTLE_S, family: Family = FOUR) -> None:
    """Have the chain and its place; over IPv6 where that can be filtered. Raises NetworkError.

    Whoever changes the table may not be through: an engine that moves its jump takes it away first, and a
    firewall that is loaded again makes its chains anew and takes it ill where they are there already.
    """
    if family is not FOUR and not await _filters(family):
        return
    listed = await _listed(family)
    if not mend(listed, family):
        return
    for _ in range(LOOKS if settle_s else 1):
        await asyncio.sleep(settle_s)
        listed = await _listed(family)
        change = mend(listed, family)
        if change:
            await check([f"{family.tool}-restore", "-w", "--noflush"], change)
        if f"-N {USERS}" in listed:
            return


async def remove() -> None:
    """Take away what is ours; the rest is the engine's and its user's."""
    for family in FAMILIES:
        for line in (TO_OURS.replace("-A", "-D", 1), f"-F {CHAIN}", f"-X {CHAIN}"):
            await run([family.tool, "-w", *line.split()])


async def _filters(family: Family) -> bool:
    code, _, _ = await run([family.tool, "-w", "-S"])
    return code == 0


async def _listed(family: Family) -> list[str]:
    return (await check([family.tool, "-w", "-S"])).splitlines()


def mend(listed: list[str], family: Family = FOUR) -> str:
    """What to tell `iptables-restore` where `iptables -S` has `listed` that; empty where all is right."""
    rules = RULES if family is FOUR else (*RULES, *NEIGHBOURLY)
    lines = [*_mended_chain(listed, rules), *_without_former(listed), *_mended_place(listed)]
    return "\n".join([f"*{TABLE}", *lines, "COMMIT", ""]) if lines else ""


def _mended_chain(listed: list[str], rules: Iterable[str]) -> Iterator[str]:
    right = [f"-A {CHAIN} {rule}" for rule in rules]
    if f"-N {CHAIN}" not in listed or [line for line in listed if line.startswith(f"-A {CHAIN} ")] != right:
        yield f":{CHAIN} - [0:0]"
        yield from right


def _without_former(listed: list[str]) -> Iterator[str]:
    former = {f"-A {USERS} {rule}" for rule in RULES}
    yield from (line.replace("-A", "-D", 1) for line in listed if line in former)


def _mended_place(listed: list[str]) -> Iterator[str]:
    """Ours once, right behind the first jump to the user's chain, and that one before the engine's."""
    hook = [line for line in listed if line.startswith(f"-A {HOOK} ")]
    right = list(hook)
    while TO_OURS in right:
        right.remove(TO_OURS)
    engines = next((at for at, line in enumerate(right) if line in TO_ENGINES), len(right))
    if TO_USERS not in right[:engines] and f"-N {USERS}" in listed:
        right = [line for line in right if line != TO_USERS]
        engines = next((at for at, line in enumerate(right) if line in TO_ENGINES), 0)
        right.insert(engines, TO_USERS)
    if TO_USERS in right:
        right.insert(right.index(TO_USERS) + 1, TO_OURS)
    elif hook.count(TO_OURS) == 1:  # an engine that comes goes before it
        return
    else:
        right.insert(0, TO_OURS)
    yield from _moved(hook, right)


def _moved(hook: list[str], right: list[str]) -> Iterator[str]:
    """Take away and put in what has another place; no other rule is touched, each keeps its counters."""
    if hook == right:
        return
    ours = [line for line in (TO_USERS, TO_OURS) if _places(hook, line) != _places(right, line)]
    for line in ours:
        yield from [line.replace("-A", "-D", 1)] * hook.count(line)
    for at, line in enumerate(right, 1):
        if line in ours:
            yield line.replace(f"-A {HOOK}", f"-I {HOOK} {at}", 1)


def _places(lines: list[str], line: str) -> list[int]:
    return [at for at, listed in enumerate(lines) if listed == line]
