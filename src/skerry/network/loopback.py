"""127.0.0.11 inside of a container: programs that have the engine's resolver built in ask the gate there.

The engine translates this address to its own resolver, in the container's namespace. A table of ours goes
before that, and a route makes questions come from the container's own address, as those to the gate's leg
must: what comes from 127.0.0.1 stays within the machine.
"""

from __future__ import annotations

import asyncio

from skerry.linux import netns, nft
from skerry.linux.rtnetlink import Rtnetlink

ADDRESS = "127.0.0.11"
TABLE = "skerry-names"


async def lead(pid: int, leg: str, address: str) -> bool:
    """Have 127.0.0.11 lead to a leg in the namespace of a process, whose own address on that network is
    given. False where that is so already. Raises OSError and NetworkError."""
    namespace = netns.of_process(pid)
    if await asyncio.to_thread(netns.inside, namespace, lambda: _prepared(leg, address)):
        return False
    await nft.apply(render(leg, address), namespace)
    return True


def render(leg: str, address: str) -> str:
    """The table. Who asks from another address, like one who chose 127.0.0.1, is left to the engine."""
    return f"""\
table ip {TABLE}
delete table ip {TABLE}
table ip {TABLE} {{
  chain {_chain(leg, address)} {{
    type nat hook output priority -110
    ip saddr {address} ip daddr {ADDRESS} meta l4proto {{ tcp, udp }} th dport 53 dnat to {leg}
  }}
}}
"""


def _chain(leg: str, address: str) -> str:
    """Its name tells what it does, so that it need not be read to know."""
    return f"from-{address}-to-{leg}"


def _prepared(leg: str, address: str) -> bool:
    """Set the route; whether the table is there already."""
    with Rtnetlink() as route:
        route.make_local(f"{ADDRESS}/32", source=address)
    return nft.has_chain(TABLE, _chain(leg, address))
