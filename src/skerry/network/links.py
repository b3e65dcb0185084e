"""Links: the gate's namespace, its leg on each bridge of ours, and what our bridges need set.

Everything here blocks for some milliseconds of netlink and runs in a thread; everything may exist already
(after a crash) or be gone (after a reboot).
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute  # type: ignore[import-untyped]
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]

from skerry.gate.netns import inside
from skerry.model.traffic import Segment
from skerry.network import ruleset
from skerry.network.commands import check, nft, run
from skerry.network.errors import NetworkError

IPV4_CONF = Path("/proc/sys/net/ipv4/conf")
TABLE_LOCAL = 255


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
    with _netlink() as netlink:
        netlink.link("set", index=1, state="up")


def _ensure_leg(namespace: Path, segment: Segment) -> None:
    outer = leg_name(segment.bridge)
    with _netlink() as netlink:
        bridge = _index(netlink, segment.bridge)
        if bridge is None:
            raise NetworkError(f"bridge {segment.bridge} does not exist")
        netlink.link("set", index=bridge, kind="bridge", br_nf_call_iptables=1)
        _set_conf(segment.bridge, "route_localnet", "1")
        _set_conf(segment.bridge, "rp_filter", "2")  # answers may leave by another network's gateway
        leg = _index(netlink, outer)
        if leg is not None and inside(namespace, lambda: _has_link(segment.bridge)) is False:
            netlink.link("del", index=leg)
            leg = None
        if leg is None:
            leg = _plug(netlink, namespace, outer, segment.bridge)
        netlink.link("set", index=leg, master=bridge, state="up")
    inside(namespace, lambda: _dress_leg(segment))


def _plug(netlink: Any, namespace: Path, outer: str, inner: str) -> int:
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        netlink.link("add", ifname=outer, kind="veth", peer={"ifname": inner, "net_ns_fd": handle})
    finally:
        os.close(handle)
    index = _index(netlink, outer)
    if index is None:
        raise NetworkError(f"link {outer} vanished")
    return index


def _dress_leg(segment: Segment) -> None:
    prefix = IPv4Network(segment.subnet).prefixlen
    with _netlink() as netlink:
        index = _index(netlink, segment.bridge)
        netlink.addr("replace", index=index, address=segment.leg, prefixlen=prefix)
        netlink.link("set", index=index, state="up")
        netlink.route(
            "replace",
            dst=ruleset.vip_half(segment.subnet),
            oif=1,
            type="local",
            scope="host",
            table=TABLE_LOCAL,
        )


def _drop_leg(namespace: Path, segment: Segment) -> None:
    with _netlink() as netlink, _gone_is_fine():
        leg = _index(netlink, leg_name(segment.bridge))
        if leg is not None:
            netlink.link("del", index=leg)
    with _gone_is_fine():
        inside(namespace, lambda: _drop_local_route(segment))


def _drop_local_route(segment: Segment) -> None:
    with _netlink() as netlink, _gone_is_fine():
        half = ruleset.vip_half(segment.subnet)
        netlink.route("del", dst=half, oif=1, type="local", scope="host", table=TABLE_LOCAL)


def _hairpin(bridges: frozenset[str]) -> None:
    with _netlink() as netlink:
        links = netlink.get_links()
        ours = {link["index"] for link in links if link.get_attr("IFLA_IFNAME") in bridges}
        for link in links:
            name = link.get_attr("IFLA_IFNAME")
            if link.get_attr("IFLA_MASTER") in ours and not name.startswith("sl-") and not _hairpins(link):
                with _gone_is_fine():  # a container may stop while we look
                    netlink.brport("set", index=link["index"], mode=1)


def _hairpins(link: Any) -> bool:
    info = link.get_attr("IFLA_LINKINFO")
    data = info.get_attr("IFLA_INFO_SLAVE_DATA") if info else None
    return bool(data and data.get_attr("IFLA_BRPORT_MODE"))


def _has_link(name: str) -> bool:
    with _netlink() as netlink:
        return _index(netlink, name) is not None


def _index(netlink: Any, name: str) -> int | None:
    try:
        links = netlink.link("get", ifname=name)
    except NetlinkError as error:
        if error.code == errno.ENODEV:
            return None
        raise
    return int(links[0]["index"]) if links else None


def _set_conf(device: str, name: str, value: str) -> None:
    (IPV4_CONF / device / name).write_text(value)


@contextmanager
def _netlink() -> Iterator[Any]:
    try:
        with IPRoute() as netlink:
            yield netlink
    except NetlinkError as error:
        raise NetworkError(f"netlink: {error}") from error


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        if error.code not in (errno.ENODEV, errno.ESRCH, errno.ENOENT, errno.EINVAL):
            raise
    except FileNotFoundError:
        pass
