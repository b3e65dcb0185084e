"""Where a container really is: the kernel's word on which bridge carries which address of its namespace.

An engine tells what it once set up. Somebody moves a link to another bridge, or changes an address inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from skerry.linux import netns
from skerry.linux.families import spoken
from skerry.linux.rtnetlink import Link, Rtnetlink

KERNEL_STACK = ("runc", "crun", "io.containerd.runc", "io.containerd.runtime.v1.linux")
"""Runtimes that leave addresses to the kernel; others (gVisor) take them off the link to serve them alone."""


def by_kernel(runtime: str) -> bool:
    """Whether what a runtime runs (empty: the engine's own choice) has its sockets in the kernel."""
    return not runtime or runtime.startswith(KERNEL_STACK)


def displaced(pid: int, places: Mapping[str, str], runtime: str = "") -> dict[str, str]:
    """`places`: bridge and address of each. Those where the process's namespace has not that address on that
    bridge, and why. A port that lies loose is plugged in again. Blocks; a process that is gone is nowhere
    else."""
    try:
        links, addresses = netns.inside(netns.of_process(pid), _interior)
    except OSError:
        return {}
    wrong = {}
    with Rtnetlink() as route:
        for bridge, address in places.items():
            if address in addresses:
                why = _misplaced(route, links[addresses[address]], bridge)
            else:
                why = f"{address} is not an address of its container any more" if by_kernel(runtime) else ""
            if why:
                wrong[bridge] = why
    return wrong


def _interior() -> tuple[dict[int, Link], dict[str, int]]:
    with Rtnetlink() as route:
        links = {link.index: link for link in route.links()}
        every = [pair for family in spoken() for pair in route.addresses(family)]
        return links, {address: index for index, address in every if index in links}


def _misplaced(route: Rtnetlink, inner: Link, bridge: str) -> str:
    """Why a link inside does not lead to a bridge out here."""
    port, outer = route.link(inner.peer) if inner.peer else None, route.link(bridge)
    if port is None or port.peer != inner.index:
        return f"its link {inner.name} leads nowhere"
    if outer is None:
        return f"its bridge {bridge} is gone"
    if not port.master:
        route.raise_link(port.index, master=outer.index)
        with suppress(OSError):
            route.hairpin(port.index)
        return ""
    if port.master != outer.index:
        actual = route.link(port.master)
        return f"its link {port.name} was moved to {actual.name if actual else 'another bridge'}"
    if not (port.up and inner.up):
        return f"its link {port.name if not port.up else inner.name} is down"
    return ""
