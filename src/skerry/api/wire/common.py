"""What all objects share: identity, version, times, ports, addresses."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

from skerry.model.objects import Cluster, Config, Network, Node, Port, Raw, Secret, Service, Task

NO_TIME = "0001-01-01T00:00:00Z"


def timestamp(ns: int) -> str:
    """RFC 3339 with up to nine digits of a second, trailing zeros trimmed; 0 is Go's zero time."""
    if not ns:
        return NO_TIME
    seconds, rest = divmod(ns, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"


def meta(obj: Cluster | Node | Network | Service | Task | Config | Secret) -> Raw:
    return {
        "ID": obj.id,
        "Version": {"Index": obj.version},
        "CreatedAt": timestamp(obj.created_at),
        "UpdatedAt": timestamp(obj.updated_at),
    }


def port(entry: Port) -> Raw:
    """A PortConfig; the published number is left out while there is none."""
    found: Raw = {"Name": entry.name} if entry.name else {}
    found |= {"Protocol": entry.protocol, "TargetPort": entry.target}
    if entry.published:
        found["PublishedPort"] = entry.published
    found["PublishMode"] = entry.mode
    return found


def with_length(network: Network | None, address: str) -> str:
    """An address with its network's prefix length, e.g. `10.0.1.3/24`."""
    length = ipaddress.ip_network(network.subnet).prefixlen if network is not None and network.subnet else 32
    return f"{address}/{length}"
