"""A chain of ours in FORWARD: translated flows may pass to our bridges, unless the user drops them.

The engine's FORWARD policy is drop and its isolation rules drop the answers to containers of other networks;
an accept in our own table would not overrule either. The engine's users write their rules into DOCKER-USER,
which is asked first. Our chain stands right behind it, before anything of the engine's: what a user drops
is dropped. Engines put what is theirs to the top of FORWARD whenever they start, and older ones whenever a
network is made; so the place is looked after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from skerry.network.commands import check, run

TABLE, HOOK = "filter", "FORWARD"
USERS, CHAIN = "DOCKER-USER", "SKERRY-FORWARD"
RULES = ("-i sk-+ -m conntrack --ctstate DNAT -j ACCEPT", "-o sk-+ -m conntrack --ctstate DNAT -j ACCEPT")
"""Of every instance on this machine. Former versions had them in DOCKER-USER itself."""

TO_USERS, TO_OURS = f"-A {HOOK} -j {USERS}", f"-A {HOOK} -j {CHAIN}"
ENGINE_S = 0.3
"""An engine that moves its jump takes it away first."""


def concerns(table: str, chain: str) -> bool:
    """Whether a loss in a chain of an IPv4 table (empty: the whole table) may be ours, or have moved ours."""
    return table == TABLE and chain in ("", HOOK, CHAIN)


async def ensure() -> None:
    """Have the chain and its place, whatever was there. Raises NetworkError."""
    listed = await _listed()
    if TO_USERS not in listed and f"-N {USERS}" in listed:
        await asyncio.sleep(ENGINE_S)
        listed = await _listed()
    change = mend(listed)
    if change:
        await check(["iptables-restore", "-w", "--noflush"], change)


async def remove() -> None:
    """Take away what is ours; the rest is the engine's and its user's."""
    for line in (TO_OURS.replace("-A", "-D", 1), f"-F {CHAIN}", f"-X {CHAIN}"):
        await run(["iptables", "-w", *line.split()])


async def _listed() -> list[str]:
    return (await check(["iptables", "-w", "-S"])).splitlines()


def mend(listed: list[str]) -> str:
    """What to tell `iptables-restore` where `iptables -S` has `listed` that; empty where all is right."""
    lines = [*_mended_chain(listed), *_mended_users_chain(listed), *_mended_place(listed)]
    return "\n".join([f"*{TABLE}", *lines, "COMMIT", ""]) if lines else ""


def _mended_chain(listed: list[str]) -> Iterator[str]:
    right = [f"-A {CHAIN} {rule}" for rule in RULES]
    if f"-N {CHAIN}" not in listed or [line for line in listed if line.startswith(f"-A {CHAIN} ")] != right:
        yield f":{CHAIN} - [0:0]"
        yield from right


def _mended_users_chain(listed: list[str]) -> Iterator[str]:
    if f"-N {USERS}" not in listed:
        yield f":{USERS} - [0:0]"
    former = {f"-A {USERS} {rule}" for rule in RULES}
    yield from (line.replace("-A", "-D", 1) for line in listed if line in former)


def _mended_place(listed: list[str]) -> Iterator[str]:
    """Ours once, right behind the first jump to the user's chain; that one at the top where there is none."""
    hook = [line for line in listed if line.startswith(f"-A {HOOK} ")]
    rest = [line for line in hook if line != TO_OURS]
    at = rest.index(TO_USERS) + 1 if TO_USERS in rest else 0
    if at and hook == [*rest[:at], TO_OURS, *rest[at:]]:
        return
    yield from [TO_OURS.replace("-A", "-D", 1)] * hook.count(TO_OURS)
    if not at:
        yield f"-I {HOOK} 1 -j {USERS}"
    yield f"-I {HOOK} {at + 1 if at else 2} -j {CHAIN}"
