"""Networks of the swarm that a driver of the engine's makes: bridge, macvlan, ipvlan, plugins of local scope.

The engine gives them addresses and a way out. No virtual IP, no gate and no name of the swarm's is there.
"""

from __future__ import annotations

from skerry.model.objects import Network, Raw

GIVEN = ("IPAM", "Options", "ConfigFrom", "EnableIPv6", "EnableIPv4")
"""What the engine is asked for as the user asked the swarm."""


def body_of(network: Network) -> Raw:
    """The engine's create call."""
    given = {key: network.spec[key] for key in GIVEN if key in network.spec}
    own = {"skerry.network": network.id, "skerry.name": network.name}
    labels = {} if network.spec.get("ConfigFrom", {}).get("Network") else network.spec.get("Labels") or {}
    return {
        **given,
        "Name": network.engine_name,
        "CheckDuplicate": True,
        "Driver": network.driver,
        "Internal": network.internal,
        "Attachable": True,
        "Labels": {**labels, **own},
    }
