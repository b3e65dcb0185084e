"""Addresses at which the API is served with TLS: kept, so that a daemon that starts again serves there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from skerry.control import access
from skerry.core.view import View
from skerry.model.errors import Conflict, InvalidParameter, NotFound
from skerry.model.objects import Listener
from skerry.store.store import Store, Tx

PORT = 2376
"""Where docker expects an engine with TLS."""
_ADDRESS = re.compile(r"tcp://(?P<host>\[[^\]]*\]|[^:/\[\]]*)(?::(?P<port>[0-9]{1,5}))?/?")
_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*")


def read_address(text: str, names: Iterable[str] = ()) -> Listener:
    """`tcp://HOST:PORT`; without a host everywhere, without a port at 2376. Raises InvalidParameter."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise InvalidParameter(f"{text} is no address to serve at: something like tcp://0.0.0.0:2376 is")
    host, port = match["host"].strip("[]") or "0.0.0.0", int(match["port"] or PORT)
    try:
        address = ip_address(host)
    except ValueError:
        raise InvalidParameter(
            f"{host} is no address: write the address, and give names that clients use by --host-name"
        ) from None
    if not 0 < port < 65536:
        raise InvalidParameter(f"{port} is no port: it is between 1 and 65535")
    shown = f"[{address}]" if address.version == 6 else str(address)
    return Listener(f"tcp://{shown}:{port}", str(address), port, tuple(map(_checked, names)))


def _checked(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        if _NAME.fullmatch(name) is None or len(name) > 253:
            raise InvalidParameter(f'"{name}" is neither a name nor an address of a host') from None
        return name


def find(view: View, ref: str) -> Listener:
    """The listener at an address. Raises NotFound, InvalidParameter."""
    listener = view.listeners.get(read_address(ref).id)
    if listener is None:
        raise NotFound(f"skerry does not serve at {ref}")
    return listener


async def add(store: Store, listener: Listener) -> Listener:
    """Serve at an address from now on. Raises Conflict where it is served already, Unavailable without a
    swarm."""

    def write(tx: Tx) -> Listener:
        access.require_swarm(tx.view)
        before = tx.view.listeners.get(listener.id)
        if before is not None and before.names == listener.names:
            raise Conflict(f"skerry serves at {listener.id} already")
        return tx.put(listener)

    return await store.update(write)


async def remove(store: Store, ref: str) -> None:
    """Serve there no more."""

    def write(tx: Tx) -> None:
        tx.delete(find(tx.view, ref))

    await store.update(write)
