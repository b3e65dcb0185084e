"""What all objects share: identity, version, times, ports, addresses."""

from __future__ import annotations

import ipaddress

from skerry.model.family import family_of
from skerry.model.files import File, KeptFile
from skerry.model.objects import Cluster, Network, Node, Port, Raw, Service, Task
from skerry.model.times import timestamp


def meta(obj: Cluster | Node | Network | Service | Task | File | KeptFile) -> Raw:
    return {
        "ID": obj.id,
        "Version": {"Index": obj.version},
        "CreatedAt": timestamp(obj.created_at),
        "UpdatedAt": timestamp(obj.updated_at),
    }


def port(entry: Port) -> Raw:
    """A PortConfig; a number is left out while there is none."""
    shown: Raw = {"Name": entry.name} if entry.name else {}
    shown["Protocol"] = entry.protocol
    if entry.target:
        shown["TargetPort"] = entry.target
    if entry.published:
        shown["PublishedPort"] = entry.published
    shown["PublishMode"] = entry.mode
    return shown


def with_length(network: Network | None, address: str) -> str:
    """An address with its network's prefix length, e.g. `10.0.1.3/24`."""
    family = family_of(address)
    plan = network.plans.get(family) if network is not None else None
    length = ipaddress.ip_network(plan.subnet).prefixlen if plan is not None else family.bits
    return f"{address}/{length}"
