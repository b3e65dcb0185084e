"""What this machine already has: addresses to advertise, and subnets that it reaches without us."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

OWN = ("sk-", "br-", "docker", "veth")
"""Devices of engines' networks begin so: nobody outside reaches their addresses."""


def interfaces() -> dict[str, str]:
    """The first IPv4 address of each interface, those of containers' networks left out."""
    found: dict[str, str] = {}
    for link in _ip("addr"):
        if not link["ifname"].startswith(OWN):
            for one in link["addr_info"]:
                found.setdefault(link["ifname"], one["local"])
    return found


def network_address() -> bool:
    """Whether a host may have a subnet's first address of all, which since Linux 5.14 is like any other."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return release is not None and (int(release[1]), int(release[2])) >= (5, 14)


def routes() -> list[str]:
    """Subnets (CIDR) of the routing table but for the default route and skerry's own bridges."""
    found = [one["dst"] for one in _ip("route") if not one.get("dev", "").startswith("sk-")]
    return [one if "/" in one else f"{one}/32" for one in found if one != "default"]


def _ip(what: str) -> list[dict[str, Any]]:
    done = subprocess.run(["ip", "-json", "-4", what], capture_output=True, check=True)
    listed: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return [one for one in listed if one]
