"""Addresses of plain containers on overlay networks: chosen by the allocator that serves tasks, too.

A container that is made has an address in view. It is its own from its start to its end: an overlay network
of a swarm has an address for a container only while that runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from ipaddress import IPv6Address, ip_address, ip_network

from msgspec.structs import replace

from skerry.core.addresses import Allocator, Exhausted, holders, layout
from skerry.core.index import number_of
from skerry.core.view import View
from skerry.model.container_labels import TASK_ID
from skerry.model.defaults import SECOND
from skerry.model.errors import Forbidden
from skerry.model.family import FAMILIES, FOUR, Family, family_of
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
        network = networks.get(name)
        for family in network.plans if network is not None else ():
            assert network is not None
            named = named_address(endpoint, family)
            address = str((endpoint or {}).get(family.shown_key) or named)
            if address:
                key = lease_id(container, network, family)
                yield Lease(key, container, network.id, address, chosen=address == named, held=runs)


def lease_id(container: str, network: Network, family: Family = FOUR) -> str:
    """The ID of the row for a container's place on a network."""
    key = f"{container}.{network.id}"
    return key if family is FOUR else f"{key}.{family.word}"


def named_address(settings: Raw | None, family: Family = FOUR) -> str:
    """The address that an endpoint's settings name; "" where they leave it open."""
    named = str(((settings or {}).get("IPAMConfig") or {}).get(family.key) or "")
    if family is FOUR:
        return named
    try:
        return str(IPv6Address(named)) if named else ""
    except ValueError:  # the engine has the words for it
        return ""


def named_addresses(settings: Raw | None) -> tuple[str, ...]:
    """All of them."""
    return tuple(filter(None, (named_address(settings, family) for family in FAMILIES)))


def with_named(settings: Raw, addresses: Iterable[str]) -> Raw:
    """Settings of an endpoint that name these addresses, too."""
    named = {family_of(address).key: address for address in addresses}
    return {**settings, "IPAMConfig": {**(settings.get("IPAMConfig") or {}), **named}}


def with_address(view: View, network: Network, settings: Raw | None) -> Raw:
    """Settings of an endpoint with addresses that are free now, but for those that they name, or where there
    is none."""
    settings = dict(settings or {})
    allocator = Allocator(view)
    for family in network.plans:
        if not ((settings.get("IPAMConfig") or {}).get(family.key)):
            with suppress(Exhausted):
                settings = with_named(settings, [allocator.give(network, family=family)])
    return settings


async def prefer(store: Store, container: str, chosen: Iterable[tuple[Network, str]]) -> None:
    """Note the addresses that skerry chose for a container that was made: it may get others at its start."""
    rows = [
        Lease(lease_id(container, network, family_of(address)), container, network.id, address, held=False)
        for network, address in chosen
    ]

    def write(tx: Tx) -> None:
        for row in rows:
            tx.put(row)

    if rows:
        await store.update(write)


async def claim(
    store: Store, container: str, network: Network, addresses: Collection[str]
) -> tuple[str, ...]:
    """Give a container that starts the addresses that it was made with, or others where those were not asked
    for by the user and are somebody else's by now. Raises Exhausted, Forbidden."""
    return await store.update(
        partial(_all_claimed, container=container, network=network, addresses=addresses)
    )


def _all_claimed(tx: Tx, container: str, network: Network, addresses: Collection[str]) -> tuple[str, ...]:
    """One of each of the network's families."""
    named = {family_of(address): address for address in addresses}
    return tuple(_claimed(tx, container, network, family, named.get(family, "")) for family in network.plans)


def _claimed(tx: Tx, container: str, network: Network, family: Family, address: str) -> str:
    key = lease_id(container, network, family)
    row = tx.view.leases.get(key)
    chosen = bool(address) and (row is None or row.chosen or row.address != address)
    free = bool(address) and _is_free(tx.view, network, address, key)
    if chosen and ip_address(address) not in ip_network(network.plans[family].subnet):
        return address  # the engine has the words for it
    if chosen and not free:
        raise Forbidden(IN_USE)
    if not free:
        address = Allocator(tx.view).give(network, family=family)
    tx.put(Lease(key, container, network.id, address, chosen=chosen, held=True))
    return address


def _is_free(view: View, network: Network, address: str, key: str) -> bool:
    others = holders(view, network.id, address) - {key}
    return not others and number_of(address) not in layout(network, family_of(address)).reserved


async def release(store: Store, container: str, network: Network) -> None:
    """The container did not start: others may have its addresses."""

    def write(tx: Tx) -> None:
        for family in network.plans:
            row = tx.view.leases.get(lease_id(container, network, family))
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
