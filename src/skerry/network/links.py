"""Links: the gate's namespace, its leg on each bridge of ours, and what our bridges need set.

Everything here blocks for some milliseconds of netlink and runs in a thread; everything may exist already
(after a crash) or be gone (after a reboot).
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path

from skerry.gate.netns import inside
from skerry.model.traffic import Segment
from skerry.network import ruleset
from skerry.network.commands import check, nft, run
from skerry.network.errors import NetworkError
from skerry.network.route import Route, routing

IPV4_CONF = Path("/proc/sys/net/ipv4/conf")
IPV6_CONF = Path("/proc/sys/net/ipv6/conf")
LOOPBACK = 1
"""A namespace's first link."""


def leg_name(bridge: str) -> str:
    """The host's end of the leg on a bridge: `sk-abc` has `sl-abc`. The gate's end has the bridge's name."""
    return f"sl-{bridge.removeprefix('sk-')}"[:15]


async def ensure_namespace(namespace: Path) -> None:
    """Make the gate's namespace, named so that it outlives every process, with its table inside."""
    if not await asyncio.to_thread(_is_namespace, namespace):
        if namespace.exists():  # noqa: ASYNC240 - a stat on a tmpfs
            await run(["ip", "netns", "del", namespace.name])
        await check(["ip", "netns", "add", namespace.name])
    await asyncio.to_thread(inside, namespace, _dress_namespace)
    await nft(ruleset.render_gate(), namespace)


async def remove_namespace(namespace: Path) -> None:
    """Remove the gate's namespace and with it every leg."""
    await run(["ip", "netns", "del", namespace.name])


async def ensure_segment(namespace: Path, segment: Segment) -> None:
    """Dress a bridge that the engine made and plug the gate's leg. NetworkError where there is no bridge."""
    await asyncio.to_thread(_ensure_leg, namespace, segment)
    await nft(ruleset.leg_elements(segment), namespace)


async def drop_segment(namespace: Path, segment: Segment) -> None:
    """Take the leg off a bridge, whether or not the bridge is still there."""
    await asyncio.to_thread(_drop_leg, namespace, segment)
    await run(
        ["nsenter", f"--net={namespace}", "nft", "-f", "-"], ruleset.leg_elements(segment, verb="delete")
    )


async def hairpin(bridges: Iterable[str]) -> None:
    """Let every container port of these bridges send back out what came in: a task may call its own VIP."""
    await asyncio.to_thread(_hairpin, frozenset(bridges))


def _is_namespace(namespace: Path) -> bool:
    try:
        inside(namespace, lambda: None)
    except OSError:
        return False
    return True


def _dress_namespace() -> None:
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
    with _route() as route:
        route.raise_link(LOOPBACK)


def _ensure_leg(namespace: Path, segment: Segment) -> None:
    outer = leg_name(segment.bridge)
    with _route() as route:
        bridge = route.index(segment.bridge)
        if bridge is None:
            raise NetworkError(f"bridge {segment.bridge} does not exist")
        route.call_iptables(bridge)
        _set_conf(segment.bridge, "route_localnet", "1")
        _set_conf(segment.bridge, "rp_filter", "2")  # answers may leave by another network's gateway
        if segment.internal:
            _without_ipv6(segment.bridge)
        leg = route.index(outer)
        if leg is not None and inside(namespace, lambda: _has_link(segment.bridge)) is False:
            route.delete_link(leg)
            leg = None
        if leg is None:
            leg = _plug(route, namespace, outer, segment.bridge)
        route.raise_link(leg, master=bridge)
    inside(namespace, lambda: _dress_leg(segment))


def _plug(route: Route, namespace: Path, outer: str, inner: str) -> int:
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        route.plug(outer, inner, handle)
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
        route.address(index, segment.leg, IPv4Network(segment.subnet).prefixlen)
        route.raise_link(index)
        route.make_local(ruleset.vip_half(segment.subnet))


def _drop_leg(namespace: Path, segment: Segment) -> None:
    with routing() as route, _gone_is_fine():
        leg = route.index(leg_name(segment.bridge))
        if leg is not None:
            route.delete_link(leg)
    with _gone_is_fine():
        inside(namespace, lambda: _drop_local_route(segment))


def _drop_local_route(segment: Segment) -> None:
    with routing() as route:
        route.make_foreign(ruleset.vip_half(segment.subnet))


def _hairpin(bridges: frozenset[str]) -> None:
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


def _set_conf(device: str, name: str, value: str) -> None:
    (IPV4_CONF / device / name).write_text(value)


def _without_ipv6(device: str) -> None:
    """The machine has no address of its own on that link, by which its ports could be reached."""
    with suppress(FileNotFoundError):  # a kernel without IPv6
        (IPV6_CONF / device / "disable_ipv6").write_text("1")


@contextmanager
def _route() -> Iterator[Route]:
    try:
        with routing() as route:
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
