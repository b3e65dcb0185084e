"""Subnets and ports: which subnet a network gets, which VIPs and published ports a service.

Pure: a view goes in, a value comes out; the caller writes it in the transaction that needs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv6Network, ip_network

from skerry.core.addresses import Exhausted, Subnet, free_vip, holders
from skerry.core.attach import networks_of
from skerry.core.view import View
from skerry.model import defaults
from skerry.model.family import FOUR, SIX, Family, family_of
from skerry.model.objects import Endpoint, Network, Port, Service, VirtualIP
from skerry.model.specs import PortConfig

LOCAL, LOCAL_ID_SIZE, LOCAL_PREFIX, LINK_PREFIX = b"\xfd", 5, 48, 64
"""Unique local addresses: how they begin, the bytes behind that tell whose they are, and what subnets are cut
out of whose block."""


def free_subnet(view: View, taken: Iterable[str] = ()) -> str:
    """The first subnet of the swarm's pools that overlaps no network of ours and none of `taken`.

    Removed networks count: their bridges may still stand. `taken` are subnets in CIDR form that this machine
    reaches otherwise (its routes). Raises Exhausted.
    """
    cluster = view.cluster
    assert cluster is not None
    occupied = _occupied(view, FOUR) + _blocks(taken, FOUR)
    for pool in cluster.address_pools or defaults.ADDRESS_POOLS:
        for candidate in _subnets(ip_network(pool), cluster.subnet_size or defaults.SUBNET_SIZE, occupied):
            return str(candidate)
    raise Exhausted("could not find an available, non-overlapping IPv4 address pool among the swarm's pools")


def free_subnet_six(view: View, taken: Iterable[str] = ()) -> str:
    """The same over IPv6, for a network that has no such subnet of its user's: of the swarm's own block of
    unique local addresses (RFC 4193), which no other swarm is likely to have. Raises Exhausted."""
    assert view.cluster is not None
    own = hashlib.sha256(view.cluster.id.encode()).digest()[:LOCAL_ID_SIZE]
    pool = IPv6Network((LOCAL + own + bytes(16 - len(LOCAL) - len(own)), LOCAL_PREFIX))
    occupied = _occupied(view, SIX) + _blocks(taken, SIX)
    for candidate in _subnets(pool, LINK_PREFIX, occupied):
        return str(candidate)
    raise Exhausted(f"no IPv6 subnet is left in the swarm's block {pool}: give one with --subnet")


def _subnets(pool: Subnet, prefix: int, occupied: list[Subnet]) -> Iterator[Subnet]:
    """Free subnets of a pool in order; a big occupied block is passed in one step, not subnet by subnet."""
    length = max(prefix, pool.prefixlen)
    size = 1 << (pool.max_prefixlen - length)
    address, end = int(pool.network_address), int(pool.broadcast_address)
    while address <= end:
        candidate = type(pool)((address, length))
        clash = next((block for block in occupied if block.overlaps(candidate)), None)
        if clash is None:
            yield candidate
            address += size
        else:
            past = int(clash.broadcast_address) + 1
            address += max(size, (past - address + size - 1) // size * size)


def overlap(view: View, subnet: str, taken: Iterable[str] = ()) -> str:
    """What a subnet overlaps, in words ("network app (10.0.1.0/24)"), or "" where it is free.

    Removed networks are in nobody's way: the same network may be asked for again while its old bridge still
    stands, and the new one is made when that has gone.
    """
    block, family = ip_network(subnet), family_of(subnet)
    networks = sorted(view.networks.values(), key=lambda network: (network.created_at, network.id))
    for network in networks:
        plan = network.plans.get(family)
        if plan is not None and not network.removed and block.overlaps(ip_network(plan.subnet)):
            return f"network {network.name} ({plan.subnet})"
    ours = _occupied(view, family)
    for route in _blocks(taken, family):
        if route.overlaps(block) and route not in ours:
            return f"{route}, which this machine reaches otherwise"
    return ""


def _occupied(view: View, family: Family) -> list[Subnet]:
    """The subnets of all networks of ours."""
    plans = (network.plans.get(family) for network in view.networks.values())
    return _blocks((plan.subnet for plan in plans if plan is not None), family)


def _blocks(cidrs: Iterable[str], family: Family) -> list[Subnet]:
    """Those of a family but for the default route, which overlaps everything."""
    blocks = [ip_network(cidr, strict=False) for cidr in cidrs if family_of(cidr) is family]
    return [block for block in blocks if block.prefixlen > 0]


def endpoint(view: View, service: Service) -> Endpoint:
    """What a service (new, or with a new spec) gets: its ports and a VIP on each of its networks.

    Whatever its old endpoint has is kept as long as the spec still asks for it. Raises Exhausted.
    """
    spec = service.spec.raw.get("EndpointSpec") or {}
    vips = tuple(
        VirtualIP(network.id, _vip(view, network, service, family))
        for network in networks_of(view, service)
        for family in network.plans
        if not network.removed
    )
    return Endpoint(spec, _ports(view, service), tuple(dict.fromkeys(vips)))


def _others(holders: Iterable[str], service: Service) -> bool:
    """Whether anybody but the service is among the holders."""
    return any(holder != service.id for holder in holders)


def _vip(view: View, network: Network, service: Service, family: Family) -> str:
    """The address that the service has there already, or a free one."""
    for vip in service.endpoint.vips:
        here = vip.network_id == network.id and family_of(vip.address) is family
        if here and not _others(holders(view, network.id, vip.address), service):
            return vip.address
    return free_vip(view, network, family)


def _ports(view: View, service: Service) -> tuple[Port, ...]:
    """The published ports, with a number chosen for those of ingress mode that left it open; in host mode
    each task has its own."""
    ports = service.spec.typed.endpoint_spec.ports
    mine = {(port.protocol, port.published_port) for port in ports if port.published_port}
    refused = view.node.ports_err if view.node is not None else {}

    def busy(protocol: str, number: int) -> bool:
        key = (protocol, number)
        return (
            key in mine
            or f"{protocol}/{number}" in refused
            or _others(view.index.ports.get(key, ()), service)
        )

    chosen = []
    for port in ports:
        number = port.published_port
        if not number and port.publish_mode != "host":
            number = _free_port(port, service.endpoint.ports, busy)
        mine.add((port.protocol, number))
        chosen.append(Port(port.target_port, number, port.protocol, port.publish_mode, port.name))
    return tuple(chosen)


def _free_port(port: PortConfig, before: tuple[Port, ...], busy: Callable[[str, int], bool]) -> int:
    """The number that this port had, if it is one that we choose; else the lowest free one."""
    same = (port.target_port, port.protocol, port.publish_mode, port.name)
    for old in before:
        available = old.published in defaults.PORT_RANGE and not busy(port.protocol, old.published)
        if available and (old.target, old.protocol, old.mode, old.name) == same:
            return old.published
    for number in defaults.PORT_RANGE:
        if not busy(port.protocol, number):
            return number
    raise Exhausted(f"no free {port.protocol} port is left between 30000 and 32767")
