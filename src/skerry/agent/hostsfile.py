"""A container's /etc/hosts: its own hostname does not mean its address on `ingress`.

The engine writes a line for each network that a container joins. In a swarm it leaves `ingress` out, where no
other container would reach that address; here `ingress` is one of its bridges like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from skerry.core.view import View


async def name_itself(view: View, places: Mapping[str, str], path: str) -> None:
    """Have a container's hostname mean its addresses on the networks of its own, if it has any.

    `places`: its addresses by network ID. `path`: where the engine keeps the file; empty where there is none.
    """
    entrances = {address for key, address in places.items() if _is_ingress(view, key)}
    if path and entrances and any(address not in entrances for address in places.values() if address):
        with suppress(OSError):  # the engine's files may be where this process does not see them
            await asyncio.to_thread(drop, Path(path), entrances)


def _is_ingress(view: View, network_id: str) -> bool:
    network = view.networks.get(network_id)
    return network is not None and network.ingress


def without(text: str, addresses: Collection[str]) -> str:
    """The file without the lines of these addresses."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if line.split("\t", 1)[0] not in addresses)


def drop(path: Path, addresses: Collection[str]) -> None:
    """Take the lines of these addresses away, in place: the container has bound this very file.

    Raises OSError.
    """
    with path.open("r+", encoding="utf-8") as file:
        text = file.read()
        remaining = without(text, addresses)
        if remaining != text:
            file.seek(0)
            file.write(remaining)
            file.truncate()
