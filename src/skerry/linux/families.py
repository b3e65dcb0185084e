"""Which families of addresses this kernel speaks: IPv6 can be left out of it, or off since its start."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from skerry.model.family import FAMILIES, FOUR, Family

IPV6 = Path("/proc/sys/net/ipv6/conf/all")


@cache
def spoken() -> tuple[Family, ...]:
    """Those that there are, IPv4 first."""
    return FAMILIES if IPV6.is_dir() else (FOUR,)
