"""The networks of a file, and how its services join them."""

from __future__ import annotations

from skerry.cli.compose.container_spec import given
from skerry.cli.compose.mounts import texts
from skerry.cli.outgrow.leftover import SpecReader
from skerry.model.labels import STACK
from skerry.model.objects import Raw

NETWORKS = ("host", "bridge")
"""Network modes that are networks of every swarm."""
BRIDGE_OPTIONS = "com.docker.network.bridge."


def created(stack: str, networks: Raw) -> list[Raw]:
    """Bodies that make the file's own networks, as overlay networks."""
    own = {name: entry or {} for name, entry in sorted(networks.items())}
    return [_created(stack, name, entry) for name, entry in own.items() if not entry.get("external")]


def _created(stack: str, name: str, network: Raw) -> Raw:
    """What is sent to make a network of the file's, which belongs to the stack by its label."""
    ipam = network.get("ipam") or {}
    configs = [
        given(
            {
                "Subnet": config.get("subnet"),
                "IPRange": config.get("ip_range"),
                "Gateway": config.get("gateway"),
                "AuxiliaryAddresses": config.get("aux_addresses"),
            }
        )
        for config in ipam.get("config") or []
    ]
    return given(
        {
            "Name": network.get("name") or name,
            "Driver": "overlay",
            "Attachable": bool(network.get("attachable")),
            "Internal": bool(network.get("internal")),
            "EnableIPv6": bool(network.get("enable_ipv6")),
            "Options": texts(network.get("driver_opts")),
            "Labels": {**(network.get("labels") or {}), STACK: stack},
            "IPAM": given({"Driver": ipam.get("driver"), "Config": configs, "Options": ipam.get("options")}),
        }
    )


def attachments(name: str, service: SpecReader, mode: str, networks: Raw, aliases: list[str]) -> list[Raw]:
    """The networks that a service joins, under its short name and these aliases too; with a network mode,
    only the one that it names, or none at all."""
    if mode:
        return [{"Target": mode}] if mode in NETWORKS else []
    joined: Raw = service.take("networks") or {}
    entries = {key: entry or {} for key, entry in joined.items()}
    ordered = sorted(entries, key=lambda key: (-(entries[key].get("priority") or 0), key))
    return [
        given(
            {
                "Target": (networks.get(key) or {}).get("name") or key,
                "Aliases": list(dict.fromkeys([name, *(entries[key].get("aliases") or []), *aliases])),
                "DriverOpts": texts(entries[key].get("driver_opts")),
            }
        )
        for key in ordered
    ]


def linked(services: Raw) -> dict[str, list[str]]:
    """The aliases that links of others give to a service."""
    names: dict[str, list[str]] = {}
    for service in services.values():
        for link in service.get("links") or []:
            target, _, alias = link.partition(":")
            if alias and alias != target:
                names.setdefault(target, []).append(alias)
    return names
