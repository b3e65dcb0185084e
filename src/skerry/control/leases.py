"""Addresses of plain containers on overlay networks: chosen by the allocator that serves tasks, too.

A container that is made has an address in view. It is its own from its start to its end: an overlay network
of a swarm has an address for a container only while that runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import IPv4Address, IPv4Network

from msgspec.structs import replace

from skerry.core.addresses import Allocator, Exhausted, holders, layout
from skerry.core.view import View
from skerry.model.container_labels import TASK_ID
from skerry.model.defaults import SECOND
from skerry.model.errors import Forbidden
from skerry.model.objects import Lease, Network, Raw
from skerry.store.store import Store, Tx

IN_USE = "Address already in use"
STARTING = 30 * SECOND
"""How long a container may take to start with the address that it was given."""


def leases_of(inspection: Raw, networks: Mapping[str, Network]) -> Iterator[Lease]:
    """The leases of an inspected container that is no task; `networks` are ours, by the engine's names."""
    if TASK_ID in ((inspection.get("Config") or {}).get("Labels") or {}):
        return
    container, state = str(inspection["Id"]), inspection.get("State") or {}
    runs = bool(state.get("Running") or state.get("Restarting"))
    for name, endpoint in ((inspection.get("NetworkSettings") or {}).get("Networks") or {}).items():
        network, named = (
            networks.get(name),
            ((endpoint or {}).get("IPAMConfig") or {}).get("IPv4Address") or "",
        )
        address = str((endpoint or {}).get("IPAddress") or named)
        if network is not None and address:
            yield Lease(
                f"{container}.{network.id}",
                container,
                network.id,
                address,
                chosen=address == named,
                held=runs,
            )


def lease_id(container: str, network: Network) -> str:
    """The ID of the row for a container's place on a network."""
    return f"{container}.{network.id}"


def named_address(settings: Raw | None) -> str:
    """The address that an endpoint's settings name; "" where they leave it open."""
    return str(((settings or {}).get("IPAMConfig") or {}).get("IPv4Address") or "")


def with_address(view: View, network: Network, settings: Raw | None) -> Raw:
    """Settings of an endpoint with an address that is free now, unless they name one, or there is none."""
    settings = dict(settings or {})
    if not named_address(settings):
        try:
            address = Allocator(view).give(network)
        except Exhausted:
            return settings
        settings["IPAMConfig"] = {**(settings.get("IPAMConfig") or {}), "IPv4Address": address}
    return settings


async def prefer(store: Store, container: str, chosen: Iterable[tuple[Network, str]]) -> None:
    """Note the addresses that skerry chose for a container that was made: it may get others at its start."""
    rows = [
        Lease(lease_id(container, network), container, network.id, address, held=False)
        for network, address in chosen
    ]

    def write(tx: Tx) -> None:
        for row in rows:
            tx.put(row)

    if rows:
        await store.update(write)


async def claim(store: Store, container: str, network: Network, address: str) -> str:
    """Give a container that starts the address that it was made with, or another where that was not asked for
    by the user and is somebody else's by now. Raises Exhausted, Forbidden."""
    return await store.update(partial(_claimed, container=container, network=network, address=address))


def _claimed(tx: Tx, container: str, network: Network, address: str) -> str:
    key = lease_id(container, network)
    row = tx.view.leases.get(key)
    chosen = bool(address) and (row is None or row.chosen or row.address != address)
    free = bool(address) and _is_free(tx.view, network, address, key)
    if chosen and IPv4Address(address) not in IPv4Network(network.subnet):
        return address  # the engine has the words for it
    if chosen and not free:
        raise Forbidden(IN_USE)
    if not free:
        address = Allocator(tx.view).give(network)
    tx.put(Lease(key, container, network.id, address, chosen=chosen, held=True))
    return address


def _is_free(view: View, network: Network, address: str, key: str) -> bool:
    others = holders(view, network.id, address) - {key}
    return not others and int(IPv4Address(address)) not in layout(network).reserved


async def release(store: Store, container: str, network: Network) -> None:
    """The container did not start: others may have its address."""

    def write(tx: Tx) -> None:
        row = tx.view.leases.get(lease_id(container, network))
        if row is not None and row.held:
            tx.put(replace(row, held=False))

    await store.update(write)


async def settle(
    store: Store, leases: Iterable[Lease], known: Iterable[str] | None, ended: Collection[str] = ()
) -> None:
    """Have the rows say which container has which address, as the engine shows it.

    `known` are the containers that were looked at, of whom nothing but `leases` remains; None is all. Those
    in `ended` have run; others that do not run may be about to start.
    """
    rows = {row.id: row for row in leases}
    looked_at = None if known is None else frozenset(known)

    def write(tx: Tx) -> None:
        for row in tuple(tx.view.leases.values()):
            gone = row.id not in rows and (looked_at is None or row.container_id in looked_at)
            if gone and (row.container_id in ended or _had_its_time(tx, row)):
                tx.delete(row)
        for row in rows.values():
            _settle(tx, row, row.container_id in ended)

    await store.update(write)


def _had_its_time(tx: Tx, row: Lease) -> bool:
    return tx.now - row.updated_at > STARTING


def _settle(tx: Tx, row: Lease, ended: bool) -> None:
    """Bring one row to what the engine shows. An address that is held stays so while its container may be
    about to start: the engine shows it as not running then."""
    before = tx.view.leases.get(row.id)
    if before is None:
        tx.put(row)
        return
    starts = before.held and not ended and not _had_its_time(tx, before)
    after = replace(
        before,
        address=row.address,
        held=row.held or starts,
        chosen=before.chosen if before.address == row.address else row.chosen,
    )
    if after != before:
        tx.put(after)
