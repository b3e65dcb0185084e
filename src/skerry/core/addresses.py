"""Which addresses of a network are given to whom.

Virtual IPs come from the top, addresses of containers from the bottom or from the network's range; each half
is only taken for the other kind where that has nothing left of its own. The search begins behind the address
that was given last and comes round, so that what was just freed is used last: others may still send there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network
from itertools import chain
from typing import NamedTuple

from immutables import Map
from msgspec.structs import replace

from skerry.core.view import View
from skerry.model.errors import InvalidParameter, SkerryError
from skerry.model.objects import Attachment, Network, Task

LARGEST_PREFIX = 29
"""A subnet needs room for a gateway, the leg, and a few tasks and virtual IPs."""
SMALL_PREFIX = 28
"""A subnet that is as small as that has no address to spare."""


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
    network = IPv4Network(subnet)
    if network.prefixlen > LARGEST_PREFIX:
        raise InvalidParameter(
            f"subnet {subnet} is too small: an overlay network needs a /{LARGEST_PREFIX} or larger"
        )
    excluded = {int(IPv4Address(address)) for address in auxiliary}
    usable = _usable(network)
    inside = _usable(IPv4Network(ip_range), network) if ip_range else range(0)
    first = next((number for number in inside or usable if number not in excluded), 0)
    chosen = int(IPv4Address(gateway)) if gateway else first
    free = (
        [number for number in reversed(usable) if number != chosen and number not in excluded]
        if chosen in usable
        else []
    )
    if not free:
        raise InvalidParameter(
            f"subnet {subnet} has no address left for the gateway and the network's resolver"
        )
    leg = next((number for number in free if number not in inside), free[0])
    if network_address and network.prefixlen >= SMALL_PREFIX:
        leg = int(network.network_address)
    return str(IPv4Address(chosen)), str(IPv4Address(leg))


def _usable(network: IPv4Network, within: IPv4Network | None = None) -> range:
    """The addresses of a network that a host may have; of a range those that the subnet around it allows."""
    first, last = int(network.network_address), int(network.broadcast_address)
    outer = within or network
    return range(max(first, int(outer.network_address) + 1), min(last, int(outer.broadcast_address) - 1) + 1)


def layout(network: Network) -> Layout:
    """How the addresses of a network are given out."""
    return _layout(
        network.subnet, network.ip_range, (network.gateway, network.leg, *network.auxiliary.values())
    )


@lru_cache(maxsize=256)
def _layout(subnet: str, ip_range: str, reserved: tuple[str, ...]) -> Layout:
    """Which addresses containers get and which virtual IPs: the lower half and the upper one, or with an
    `ip_range` those inside and those outside; either takes from the other when its own are used up."""
    network = IPv4Network(subnet)
    usable = _usable(network)
    containers: tuple[range, ...]
    vips: tuple[range, ...]
    if ip_range:
        inside = _usable(IPv4Network(ip_range), network)
        outside = (range(inside.stop, usable.stop), range(usable.start, inside.start))
        containers, vips = (inside,), (*outside, inside)
    else:
        half = int(network.network_address) + network.num_addresses // 2
        lower, upper = range(usable.start, half), range(half, usable.stop)
        containers, vips = (lower, upper), (upper, lower)
    nobodys = {int(IPv4Address(address)) for address in reserved if address}
    nobodys |= {int(network.network_address), int(network.broadcast_address)}
    return Layout(containers, tuple(zone[::-1] for zone in vips), frozenset(nobodys))


def free_vip(view: View, network: Network) -> str:
    """An address for a service. Raises Exhausted."""
    number = _free(view, network, layout(network).vips, view.index.last_vip.get(network.id, 0))
    if number is None:
        raise Exhausted(f"network {network.name} ({network.subnet}) has no free virtual IP left")
    return str(IPv4Address(number))


def holders(view: View, network_id: str, address: str) -> frozenset[str]:
    """The IDs of the services, tasks and leases that hold an address."""
    return frozenset(view.index.addresses.get(network_id, Map()).get(int(IPv4Address(address)), ()))


def retaken(view: View, network_id: str) -> set[str]:
    """The IDs of a network's former addresses that somebody holds. They are few, of however many."""
    left, held = view.index.left.get(network_id, Map()), view.index.addresses.get(network_id, Map())
    fewer, more = sorted((left, held), key=len)
    return {key for number in fewer if number in more for key in left[number]}


def _free(
    view: View, network: Network, zones: Iterable[range], last: int, without: Collection[int] = ()
) -> int | None:
    """The first address of the first zone that has one, behind the last; one at which a task has served, or
    that a stopped container may want back, only where there is no other."""
    held, idle = view.index.addresses.get(network.id, Map()), view.index.idle.get(network.id, Map())
    left = view.index.left.get(network.id, Map())
    reserved = layout(network).reserved

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
        self._issued: dict[str, set[int]] = {}
        self._last: dict[str, int] = {}
        self._full: set[str] = set()

    def give(self, network: Network, without: Iterable[str] = ()) -> str:
        """An address that nobody has, and none of `without`. Raises Exhausted."""
        issued = self._issued.setdefault(network.id, set())
        refused = {int(IPv4Address(address)) for address in without}
        number = None
        if network.id not in self._full:
            last = self._last.get(network.id, self._view.index.last_task.get(network.id, 0))
            number = _free(self._view, network, layout(network).containers, last, issued | refused)
        if number is None:
            if not refused:
                self._full.add(network.id)
            place = network.ip_range or network.subnet
            raise Exhausted(f"network {network.name} ({place}) has no free address left")
        issued.add(number)
        self._last[network.id] = number
        return str(IPv4Address(number))

    def attachments(
        self, task: Task, predecessor: Task | None = None, without: Collection[str] = ()
    ) -> tuple[Attachment, ...]:
        """The task's places with an address on each network that has any; what it was given before it keeps,
        unless that is one of `without`. Raises Exhausted.

        Where a network is full, a task gets the address of the one that has to stop before it starts.
        """
        addresses: dict[str, str] = {}
        for attachment in task.attachments:
            network = self._view.networks.get(attachment.network_id)
            if network is None or not network.subnet or attachment.network_id in addresses:
                continue
            if attachment.reserved and attachment.reserved not in without:
                addresses[attachment.network_id] = attachment.reserved
                continue
            try:
                addresses[attachment.network_id] = self.give(network, without)
            except Exhausted:
                inherited = _address(predecessor, attachment.network_id)
                if not inherited or inherited in without:
                    raise
                addresses[attachment.network_id] = inherited
        return tuple(
            replace(attachment, reserved=addresses.get(attachment.network_id, ""))
            for attachment in task.attachments
        )


def _address(task: Task | None, network_id: str) -> str:
    places = task.attachments if task is not None and task.placed else ()
    return next((place.reserved or place.address for place in places if place.network_id == network_id), "")
