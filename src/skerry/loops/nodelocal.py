"""Networks of the swarm that a driver of the engine's makes: bridge, macvlan, ipvlan, plugins of local scope.

The engine gives them addresses, a way out, and the names of services, which mean their tasks there. There is
no virtual IP and no gate.
"""

from __future__ import annotations

from skerry.model.objects import Network, Raw

GIVEN = ("IPAM", "Options", "ConfigFrom", "EnableIPv6", "EnableIPv4")
"""What the engine is asked for as the user asked the swarm."""


def body_of(network: Network) -> Raw:
    """The engine's create call."""
    options = {key: network.spec[key] for key in GIVEN if key in network.spec}
    body = {
        **options,
        "Name": network.engine_name,
        "CheckDuplicate": True,
        "Driver": network.driver,
        "Internal": network.internal,
        "Attachable": True,
    }
    if not network.spec.get("ConfigFrom", {}).get("Network"):  # else a label of ours would be one too many
        own = {"skerry.network": network.id, "skerry.name": network.name}
        body["Labels"] = {**(network.spec.get("Labels") or {}), **own}
    return body
