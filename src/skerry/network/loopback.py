"""127.0.0.11 inside of a container: programs that have the engine's resolver built in ask the gate there.

The engine translates this address to its own resolver, in the container's namespace. A table of ours goes
before that, and a route makes questions come from the container's own address, as those to the gate's leg
must: what comes from 127.0.0.1 stays within the machine.
"""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

from skerry.gate.netns import inside
from skerry.network.commands import nft
from skerry.network.netlink import NLM_F_ACK, Netlink, attribute
from skerry.network.route import routing

ADDRESS = "127.0.0.11"
TABLE = "skerry-names"
_NETFILTER = 12
_GET_CHAIN = 10 << 8 | 4  # of the subsystem nf_tables
_IPV4 = 2
_CHAIN_TABLE, _CHAIN_NAME = 1, 3


async def lead(pid: int, leg: str, address: str) -> None:
    """Have 127.0.0.11 lead to a leg in the namespace of a process, whose own address on that network is
    given. Raises OSError and NetworkError."""
    namespace = Path(f"/proc/{pid}/ns/net")
    if not await asyncio.to_thread(inside, namespace, lambda: _prepared(leg, address)):
        await nft(render(leg, address), namespace)


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
    with routing() as route:
        route.make_local(f"{ADDRESS}/32", source=address)
    netlink = Netlink(_NETFILTER)
    try:
        payload = struct.pack("=BBH", _IPV4, 0, 0)
        payload += attribute(_CHAIN_TABLE, TABLE.encode() + b"\0")
        payload += attribute(_CHAIN_NAME, _chain(leg, address).encode() + b"\0")
        for _ in netlink.request(_GET_CHAIN, NLM_F_ACK, payload):
            pass
    except FileNotFoundError:
        return False
    finally:
        netlink.close()
    return True
