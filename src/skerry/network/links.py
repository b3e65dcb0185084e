"""Links: the gate's namespace, its leg on each bridge of ours, and what our bridges need set.

Everything here blocks for some milliseconds of netlink and runs in a thread; everything may exist already
(after a crash) or be gone (after a reboot, or by somebody else's hand).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from skerry.linux import mounts, netns, nft
from skerry.linux.families import spoken
from skerry.linux.netns import inside
from skerry.linux.rtnetlink import Link, Rtnetlink
from skerry.linux.tools import check, run
from skerry.model.errors import NetworkError
from skerry.model.family import FOUR, SIX, family_of
from skerry.model.traffic import Block, Segment
from skerry.network import ruleset

IPV4_CONF = Path("/proc/sys/net/ipv4/conf")
IPV6_CONF = Path("/proc/sys/net/ipv6/conf")
ROUTES = Path("/proc/thread-self/net/ipv6_route")
LINK_LOCAL = ("fe80::1", 64)
"""As engines have it on a bridge. Neighbours are asked from there, for which a new link's own address is not
fit for a second or two."""
RTF_ADDRCONF = 0x40000
"""A route that a router has told of."""
PREFIXES = ("sk-", "sl-")
"""How our bridges and legs begin, those of every instance."""
LEG_MAC = bytes([0x02, 0x42])
"""What engines begin a hardware address with that ends with the IPv4 address."""
LOOPBACK = 1
"""A namespace's first link."""

Held = tuple[str, str]
"""An address that the gate's namespace has for its own, and the leg that has it; "" for any."""


def leg_name(bridge: str) -> str:
    """The host's end of the leg on a bridge: `sk-abc` has `sl-abc`. The gate's end has the bridge's name."""
    return f"sl-{bridge.removeprefix('sk-')}"[:15]


async def ensure_namespace(namespace: Path) -> None:
    """Make the gate's namespace, named so that it outlives every process, with its table inside."""
    if not await asyncio.to_thread(netns.can_be_entered, namespace):
        await _unname(namespace)
        await check(["ip", "netns", "add", namespace.name])
    await asyncio.to_thread(inside, namespace, _dress_namespace)
    await nft.apply(ruleset.render_gate(spoken()), namespace)


def exists(link: str) -> bool:
    """Whether there is a link of that name in this namespace at this moment."""
    try:
        socket.if_nametoindex(link)
    except OSError:
        return False
    return True


async def name_again(namespace: Path, handle: int) -> None:
    """Give a namespace that somebody's sockets keep alive its name back. Raises SkerryError."""
    await _unname(namespace)
    namespace.touch()  # noqa: ASYNC240 - on a tmpfs
    await asyncio.to_thread(mounts.bind, Path(f"/proc/{os.getpid()}/fd/{handle}"), namespace)


async def _unname(namespace: Path) -> None:
    if namespace.exists():  # noqa: ASYNC240 - a stat on a tmpfs
        await run(["ip", "netns", "del", namespace.name])


async def restore_gate_table(namespace: Path, segments: Iterable[Segment]) -> None:
    """Write what is inside the gate's namespace once more, in one transaction."""
    await nft.apply(ruleset.render_gate(spoken()) + "".join(map(ruleset.leg_elements, segments)), namespace)


async def hold(namespace: Path, places: Set[Held], before: Set[Held] | None = None) -> None:
    """Have the gate's namespace take these addresses for its own (VIPs and the like), and no others: it
    answers for them where the kernel table leads nowhere else. `before`: what it has, where that is known."""
    await asyncio.to_thread(inside, namespace, partial(_hold, places, before))


async def remove_namespace(namespace: Path) -> None:
    """Remove the gate's namespace and with it every leg."""
    await run(["ip", "netns", "del", namespace.name])


async def ensure_segment(namespace: Path, segment: Segment) -> None:
    """Dress the bridge that the engine made and plug the gate's leg. NetworkError where there is none."""
    await asyncio.to_thread(_ensure_leg, namespace, segment)
    await nft.apply(ruleset.leg_elements(segment), namespace)


async def drop_segment(namespace: Path, segment: Segment) -> None:
    """Take the leg off a bridge, whether or not the bridge is still there."""
    await asyncio.to_thread(_drop_leg, namespace, segment)
    with suppress(NetworkError):  # it is not there
        await nft.apply(ruleset.leg_elements(segment, verb="delete"), namespace)


def _dress_namespace() -> None:
    _set_conf(IPV4_CONF, "all", forwarding="0")
    if SIX in spoken():
        _set_conf(IPV6_CONF, "all", forwarding="0", disable_ipv6="0")
    with _route() as route:
        route.raise_link(LOOPBACK)


def _ensure_leg(namespace: Path, segment: Segment) -> None:
    """Dress a bridge and have the gate's leg on it; what is there already is set once more, and a leg whose
    inner end is gone is made anew."""
    outer = leg_name(segment.bridge)
    with _route() as route:
        bridge = route.index(segment.bridge)
        if bridge is None:
            raise NetworkError(f"bridge {segment.bridge} does not exist")
        route.raise_link(bridge)
        _dress_bridge(route, bridge, segment)
        leg = route.index(outer)
        if leg is not None and inside(namespace, lambda: _has_link(segment.bridge)) is False:
            route.delete_link(leg)
            leg = None
        if leg is None:
            leg = _plug(route, namespace, segment)
        _measure(route, leg, segment)
        route.raise_link(leg, master=bridge)
    inside(namespace, lambda: _dress_leg(segment))


def _dress_bridge(route: Rtnetlink, bridge: int, segment: Segment) -> None:
    # answers may leave by another network's gateway
    _set_conf(IPV4_CONF, segment.bridge, route_localnet="1", rp_filter="2")
    if segment.six is not None:
        _prepare_six(segment.bridge)
        _forward_six()
        route.address(bridge, *LINK_LOCAL)
    elif segment.internal:
        _without_ipv6(segment.bridge)
    for block in segment.blocks:
        route.address(bridge, block.gateway, _length(block))
    route.call_iptables(bridge, [family_of(block.gateway) for block in segment.blocks])
    _measure(route, bridge, segment)


def _prepare_six(device: str) -> None:
    """Have IPv6 on a link, with the addresses that we give it alone."""
    _set_conf(IPV6_CONF, device, disable_ipv6="0", accept_ra="0", autoconf="0", accept_dad="0")


def _forward_six() -> None:
    """Have the machine pass IPv6 on, as engines have it. Where it has learnt its way out from a router, it
    goes on listening to that: a machine that passes packets on would not, unless it is told to."""
    if (IPV6_CONF / "all" / "forwarding").read_text().strip() != "0":
        return
    for line in ROUTES.read_text().splitlines():
        destination, length, _, _, _, _, _, _, flags, device = line.split()
        if int(destination + length, 16) == 0 and int(flags, 16) & RTF_ADDRCONF:
            with suppress(FileNotFoundError):
                _set_conf(IPV6_CONF, device, accept_ra="2")
    _set_conf(IPV6_CONF, "all", forwarding="1")


def _length(block: Block) -> int:
    return ip_network(block.subnet).prefixlen


def _plug(route: Rtnetlink, namespace: Path, segment: Segment) -> int:
    """Plug the leg, with a hardware address that is the same each time: containers remember it."""
    outer, mac = leg_name(segment.bridge), LEG_MAC + socket.inet_aton(segment.leg)
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        route.plug(outer, segment.bridge, handle, mac)
    finally:
        os.close(handle)
    index = route.index(outer)
    if index is None:
        raise NetworkError(f"link {outer} vanished")
    return index


def _dress_leg(segment: Segment) -> None:
    with _route() as route:
        index = route.index(segment.bridge)
        if index is None:
            raise NetworkError(f"link {segment.bridge} vanished")
        if segment.six is not None:
            _prepare_six(segment.bridge)
        for block in segment.blocks:
            route.address(index, block.leg, _length(block))
        _measure(route, index, segment)
        route.raise_link(index)


def _hold(places: Set[Held], before: Set[Held] | None) -> None:
    """New ones first: whoever asks for one that stays notices nothing."""
    with _route() as route:
        legs = {link.name: link.index for link in route.links()}
        wanted = _blocks(places)
        present = _held(route, legs) if before is None else _blocks(before)
        for bridge, block in sorted(wanted - present):
            if not bridge:
                route.make_local(block)
            elif bridge in legs:  # else it is about to be plugged, and gets them then
                route.address(legs[bridge], block, SIX.bits, preferred=False)
        for bridge, block in sorted(present - wanted):
            with _gone_is_fine():
                if not bridge:
                    route.make_foreign(block)
                elif bridge in legs:
                    route.remove_address(legs[bridge], block, SIX.bits)


def _blocks(places: Set[Held]) -> set[Held]:
    """IPv4 addresses as blocks: an older skerry held larger ones."""
    return {(bridge, address if bridge else f"{address}/{FOUR.bits}") for bridge, address in places}


def _held(route: Rtnetlink, legs: Mapping[str, int]) -> set[Held]:
    """What is held now, by blocks. IPv4 addresses are the namespace's by a route; over IPv6 nobody would
    answer for such ones, so they are those of a link."""
    names = {index: name for name, index in legs.items() if index != LOOPBACK}
    held = {("", subnet) for subnet in route.local_subnets()}
    if SIX in spoken():
        alone = route.addresses(SIX, alone=True)
        held |= {(names[index], address) for index, address in alone if index in names}
    return held


def _measure(route: Rtnetlink, link: int, segment: Segment) -> None:
    """As long as the containers' own links: a longer packet would be dropped on the way to them."""
    if segment.mtu:
        route.set_mtu(link, segment.mtu)


def ensure_bridge(segment: Segment, mac: bytes) -> bool:
    """Make a bridge again that the engine believes to be there, with the address that its containers know;
    True where it was gone. Blocks."""
    with _route() as route:
        if route.index(segment.bridge) is not None:
            return False
        route.make_bridge(segment.bridge, mac)
        if segment.six is None:
            _without_ipv6(segment.bridge)  # as the engine makes it
        return True


def macs(segments: Iterable[Segment]) -> dict[str, bytes]:
    """The hardware address of each bridge that is there. Blocks."""
    bridges = {segment.bridge for segment in segments}
    with _route() as route:
        return {link.name: link.mac for link in route.links() if link.name in bridges}


def faults(namespace: Path, segments: Iterable[Segment]) -> dict[str, str]:
    """What has been taken away from under a network, by its ID, in words. Blocks."""
    with _route() as route:
        outer = {link.name: link for link in route.links()}
        gateways = _addresses(route)
    try:
        inner, legs = inside(namespace, _interior)
    except OSError:
        return {segment.network_id: "the gate's network namespace is gone" for segment in segments}
    faults = {}
    for segment in segments:
        why = _outer_fault(segment, outer, gateways) or _inner_fault(segment, outer, inner, legs)
        if why:
            faults[segment.network_id] = why
    return faults


def _interior() -> tuple[dict[str, Link], set[tuple[int, str]]]:
    with Rtnetlink() as route:
        return {link.name: link for link in route.links()}, _addresses(route)


def _addresses(route: Rtnetlink) -> set[tuple[int, str]]:
    return {pair for family in spoken() for pair in route.addresses(family)}


def _outer_fault(segment: Segment, links: Mapping[str, Link], addresses: set[tuple[int, str]]) -> str:
    """What is wrong with a segment on the host's side, in words; "" where nothing is."""
    bridge, leg = links.get(segment.bridge), links.get(leg_name(segment.bridge))
    if bridge is None:
        return f"its bridge {segment.bridge} is gone"
    if not bridge.up:
        return f"its bridge {segment.bridge} is down"
    for block in segment.blocks:
        if (bridge.index, block.gateway) not in addresses:
            return f"its bridge {segment.bridge} has lost the address {block.gateway}"
    if leg is None:
        return f"the gate's link {leg_name(segment.bridge)} is gone"
    if not leg.up:
        return f"the gate's link {leg.name} is down"
    return "" if leg.master == bridge.index else f"the gate's link {leg.name} is not on its bridge"


def _inner_fault(
    segment: Segment,
    outer: Mapping[str, Link],
    inner: Mapping[str, Link],
    addresses: set[tuple[int, str]],
) -> str:
    """What is wrong inside of the gate's namespace; empty where nothing is."""
    leg = inner.get(segment.bridge)
    if leg is None or leg.index != outer[leg_name(segment.bridge)].peer:
        return f"the gate's link {segment.bridge} is gone from its namespace"
    if not leg.up:
        return f"the gate's link {segment.bridge} is down in its namespace"
    for block in segment.blocks:
        if (leg.index, block.leg) not in addresses:
            return f"the gate has lost the address {block.leg}"
    return ""


def _drop_leg(namespace: Path, segment: Segment) -> None:
    with Rtnetlink() as route, _gone_is_fine():
        leg = route.index(leg_name(segment.bridge))
        if leg is not None:
            route.delete_link(leg)


def hairpin(bridges: Collection[str]) -> None:
    """Let every container port of these bridges send back out what came in: a task may call its own VIP.
    Blocks."""
    with _route() as route:
        links = route.links()
        ours = {link.index for link in links if link.name in bridges}
        for link in links:
            if link.master in ours and not link.name.startswith("sl-") and not link.hairpin:
                with _gone_is_fine():  # a container may stop while we look
                    route.hairpin(link.index)


def _has_link(name: str) -> bool:
    with _route() as route:
        return route.index(name) is not None


def _set_conf(kind: Path, device: str, **values: str) -> None:
    for name, value in values.items():
        (kind / device / name).write_text(value)


def _without_ipv6(device: str) -> None:
    """The machine has no address of its own on that link, by which its ports could be reached."""
    with suppress(FileNotFoundError):  # a kernel without IPv6
        (IPV6_CONF / device / "disable_ipv6").write_text("1")


@contextmanager
def _route() -> Iterator[Rtnetlink]:
    try:
        with Rtnetlink() as route:
            yield route
    except OSError as error:
        raise NetworkError(f"netlink: {error}") from error


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENODEV, errno.ESRCH, errno.ENOENT, errno.EINVAL):
            raise
