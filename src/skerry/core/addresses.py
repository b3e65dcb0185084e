"""Which addresses of a network are given to whom.

Virtual IPs come from the top, addresses of containers from the bottom or from the network's range; each half
is only taken for the other kind where that has nothing left of its own. The search begins behind the address
that was given last and comes round, so that what was just freed is used last: others may still send there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from itertools import chain
from typing import NamedTuple

from immutables import Map
from msgspec.structs import replace

from skerry.core.index import number_of
from skerry.core.view import View
from skerry.model.errors import InvalidParameter, SkerryError
from skerry.model.family import FOUR, SIX, Family, family_of
from skerry.model.objects import Attachment, Network, Task

LARGEST_PREFIX = {FOUR: 29, SIX: 120}
"""A subnet needs room for a gateway, the leg, and a few tasks and virtual IPs."""
SMALL_PREFIX = 28
"""An IPv4 subnet that is as small as that has no address to spare."""
GIVEN_PREFIX = 112
"""Of an IPv6 subnet addresses are given from the first block of this size: nobody fills more."""

Subnet = IPv4Network | IPv6Network
AddressPool = tuple[str, Family]
"""A network's addresses of a family."""


class Exhausted(SkerryError):
    """No address, subnet or port is left to give."""


class Layout(NamedTuple):
    """The addresses of a network, as numbers."""

    containers: tuple[range, ...]
    """Those for containers: what the first has left is given first."""
    vips: tuple[range, ...]
    """Those for virtual IPs, in the same way."""
    reserved: frozenset[int]
    """Those that are nobody's: the gateway, the leg, and what the user keeps for something else."""


def lay_out(
    subnet: str,
    gateway: str = "",
    ip_range: str = "",
    auxiliary: Iterable[str] = (),
    *,
    network_address: bool = False,
) -> tuple[str, str]:
    """Gateway and leg of a subnet. The gateway is the one given or the first address, of the range if there
    is one, as with Swarm; the leg is the last one that is not kept for something else, outside of the range
    if that can be. `network_address`: a subnet's first one of all may be a host's, and is the leg of a small
    one.

    Raises InvalidParameter where the subnet has no room.
    """
    network, family = ip_network(subnet), family_of(subnet)
    if network.prefixlen > LARGEST_PREFIX[family]:
        raise InvalidParameter(
            f"subnet {subnet} is too small: an overlay network needs a /{LARGEST_PREFIX[family]} or larger"
        )
    excluded = {number_of(address) for address in auxiliary}
    usable = _usable(network)
    inside = _usable(ip_network(ip_range), network) if ip_range else range(0)
    first = next((number for number in inside or usable if number not in excluded), 0)
    chosen = number_of(gateway) if gateway else first

    def last_free(avoided: Collection[int]) -> int:
        others = (number for number in reversed(usable) if number != chosen and number not in excluded)
        return next((number for number in others if number not in avoided), 0)

    leg = last_free(inside) or last_free(())
    if not (chosen and leg):
        raise InvalidParameter(
            f"subnet {subnet} has no address left for the gateway and the network's resolver"
        )
    if network_address and family is FOUR and network.prefixlen >= SMALL_PREFIX:
        leg = int(network.network_address)
    return _text(chosen, family), _text(leg, family)


def _text(number: int, family: Family) -> str:
    return str(IPv4Address(number) if family is FOUR else IPv6Address(number))


def _given(network: Subnet) -> Subnet:
    """The part of a block that addresses are given from, which is small enough to be looked through."""
    if network.version == FOUR.version or network.prefixlen >= GIVEN_PREFIX:
        return network
    return IPv6Network((int(network.network_address), GIVEN_PREFIX))


def _usable(network: Subnet, within: Subnet | None = None) -> range:
    """The addresses of a network that a host may have; of a range those that the subnet around it allows. Its
    very first one is nobody's, and over IPv4 the last one is everybody's."""
    outer, inner = within or network, _given(network)
    last = int(outer.broadcast_address) - (1 if outer.version == FOUR.version else 0)
    return range(
        max(int(inner.network_address), int(outer.network_address) + 1),
        min(int(inner.broadcast_address), last) + 1,
    )


def layout(network: Network, family: Family = FOUR) -> Layout:
    """How the addresses of a network are given out."""
    plan = network.plans[family]
    return _layout(plan.subnet, plan.ip_range, (plan.gateway, plan.leg, *plan.auxiliary.values()))


@lru_cache(maxsize=256)
def _layout(subnet: str, ip_range: str, reserved: tuple[str, ...]) -> Layout:
    """Which addresses containers get and which virtual IPs: the lower half and the upper one, or with an
    `ip_range` those inside and those outside; either takes from the other when its own are used up."""
    network = ip_network(subnet)
    usable = _usable(network)
    containers: tuple[range, ...]
    vips: tuple[range, ...]
    if ip_range:
        inside = _usable(ip_network(ip_range), network)
        containers, vips = (inside,), (*_outside(usable, inside), inside)
    else:
        given = _given(network)
        half = int(given.network_address) + given.num_addresses // 2
        lower, upper = range(usable.start, half), range(half, usable.stop)
        containers, vips = (lower, upper), (upper, lower)
    nobodys = {number_of(address) for address in reserved if address}
    nobodys |= {int(network.network_address)}
    if network.version == FOUR.version:
        nobodys |= {int(network.broadcast_address)}
    return Layout(containers, tuple(zone[::-1] for zone in vips), frozenset(nobodys))


def lower_half(subnet: str) -> str:
    """The lower half of what addresses are given from."""
    return str(next(_given(ip_network(subnet)).subnets()))


def _outside(usable: range, inside: range) -> tuple[range, ...]:
    """What is left of the usable addresses around those of a range, which may lie beyond them."""
    above = range(max(inside.stop, usable.start), usable.stop)
    return above, range(usable.start, min(inside.start, usable.stop))


def free_vip(view: View, network: Network, family: Family = FOUR) -> str:
    """An address for a service. Raises Exhausted."""
    last = view.index.last_vip.get((network.id, family), 0)
    number = _free(view, network, family, layout(network, family).vips, last)
    if number is None:
        subnet = network.plans[family].subnet
        raise Exhausted(f"network {network.name} ({subnet}) has no free virtual IP left")
    return _text(number, family)


def holders(view: View, network_id: str, address: str) -> frozenset[str]:
    """The IDs of the services, tasks and leases that hold an address."""
    return frozenset(view.index.addresses.get(network_id, Map()).get(number_of(address), ()))


def retaken(view: View, network_id: str) -> set[str]:
    """The IDs of a network's former addresses that somebody holds. They are few, of however many."""
    left, held = view.index.left.get(network_id, Map()), view.index.addresses.get(network_id, Map())
    fewer, more = sorted((left, held), key=len)
    return {key for number in fewer if number in more for key in left[number]}


def _free(
    view: View,
    network: Network,
    family: Family,
    zones: Iterable[range],
    last: int,
    without: Collection[int] = (),
) -> int | None:
    """The first address of the first zone that has one, behind the last; one at which a task has served, or
    that a stopped container may want back, only where there is no other."""
    held, idle = view.index.addresses.get(network.id, Map()), view.index.idle.get(network.id, Map())
    left = view.index.left.get(network.id, Map())
    reserved = layout(network, family).reserved

    def search(*avoided: Collection[int] | Mapping[int, object]) -> int | None:
        for zone in zones:
            start = zone.index(last) + 1 if last in zone else 0
            for number in chain(zone[start:], zone[:start]):
                if not any(number in numbers for numbers in avoided):
                    return number
        return None

    taken = (held, reserved, without)
    for spared in ((idle, left), (idle,), ()):
        if (number := search(*taken, *spared)) is not None:
            return number
    return None


class Allocator:
    """Gives addresses to containers in one transaction: it knows what it gave itself."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._issued: dict[AddressPool, set[int]] = {}
        self._last: dict[AddressPool, int] = {}
        self._full: set[AddressPool] = set()

    def give(self, network: Network, without: Iterable[str] = (), family: Family = FOUR) -> str:
        """An address that nobody has, and none of `without`. Raises Exhausted."""
        place = network.id, family
        issued = self._issued.setdefault(place, set())
        refused = {number_of(address) for address in without}
        number = None
        if place not in self._full:
            last = self._last.get(place, self._view.index.last_task.get(place, 0))
            zones = layout(network, family).containers
            number = _free(self._view, network, family, zones, last, issued | refused)
        if number is None:
            if not refused:
                self._full.add(place)
            plan = network.plans[family]
            raise Exhausted(
                f"network {network.name} ({plan.ip_range or plan.subnet}) has no free address left"
            )
        issued.add(number)
        self._last[place] = number
        return _text(number, family)

    def attachments(
        self, task: Task, predecessor: Task | None = None, without: Collection[str] = ()
    ) -> tuple[Attachment, ...]:
        """The task's places with addresses on each network that has any; what it was given before it keeps,
        unless that is one of `without`. Raises Exhausted.

        Where a network is full, a task gets the address of the one that has to stop before it starts.
        """
        addresses: dict[AddressPool, str] = {}
        for attachment in task.attachments:
            network = self._view.networks.get(attachment.network_id)
            for family in network.plans if network is not None else ():
                assert network is not None
                if (network.id, family) in addresses:
                    continue
                kept = attachment.given(family)
                if not kept or kept in without:
                    kept = self._given(network, family, predecessor, without)
                addresses[network.id, family] = kept
        return tuple(
            replace(
                attachment,
                reserved=addresses.get((attachment.network_id, FOUR), ""),
                reserved_six=addresses.get((attachment.network_id, SIX), ""),
            )
            for attachment in task.attachments
        )

    def _given(
        self, network: Network, family: Family, predecessor: Task | None, without: Collection[str]
    ) -> str:
        """A new address, or the predecessor's. Raises Exhausted."""
        try:
            return self.give(network, without, family)
        except Exhausted:
            inherited = _address(predecessor, network.id, family)
            if not inherited or inherited in without:
                raise
            return inherited


def _address(task: Task | None, network_id: str, family: Family) -> str:
    places = task.attachments if task is not None and task.placed else ()
    held = (place.given(family) or place.at(family) for place in places if place.network_id == network_id)
    return next(held, "")
