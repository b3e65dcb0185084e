"""What this machine already has: addresses to advertise, and subnets that it reaches without us."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

from skerry.linux.families import spoken
from skerry.model.family import FOUR, Family

OWN = ("sk-", "br-", "docker", "veth")
"""Devices of engines' networks begin so: nobody outside reaches their addresses."""
LINKS = "fe80:"
"""How IPv6 addresses begin that every link has for itself."""


def interfaces() -> dict[str, str]:
    """The first IPv4 address of each interface, those of containers' networks left out."""
    addresses: dict[str, str] = {}
    for link in _ip(FOUR, "addr"):
        if not link["ifname"].startswith(OWN):
            for address in link["addr_info"]:
                addresses.setdefault(link["ifname"], address["local"])
    return addresses


def network_address() -> bool:
    """Whether a host may have a subnet's first address of all, which since Linux 5.14 is like any other."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return release is not None and (int(release[1]), int(release[2])) >= (5, 14)


def routes() -> list[str]:
    """Subnets (CIDR) of the routing tables but for the default routes, what is each link's own, and skerry's
    own bridges."""
    return [
        route["dst"] if "/" in route["dst"] else f"{route['dst']}/{family.bits}"
        for family in spoken()
        for route in _ip(family, "route")
        if not route.get("dev", "").startswith("sk-") and not route["dst"].startswith(("default", LINKS))
    ]


def _ip(family: Family, listing: str) -> list[dict[str, Any]]:
    done = subprocess.run(["ip", "-json", f"-{family.version}", listing], capture_output=True, check=True)
    listed: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return [row for row in listed if row]
