"""The address with which a plain container starts on one of our networks."""

from __future__ import annotations

from skerry.api.call import Call
from skerry.control import leases
from skerry.model.errors import SkerryError
from skerry.model.objects import Network, Raw

KEPT = ("Aliases", "DriverOpts", "Links", "MacAddress")
"""What an endpoint keeps that gets another address."""


async def seat(call: Call, container: Raw, network: Network) -> None:
    """Have an inspected container that does not run start with an address that is its own.

    Raises what a network says to a container that it can't take.
    """
    key = str(container["Id"])
    endpoint: Raw = container["NetworkSettings"]["Networks"].get(network.engine_name) or {}
    before = leases.named_addresses(endpoint)
    try:
        addresses = await leases.claim(call.store, key, network, before)
        for address in addresses:
            await call.deps.vacated(network.id, address)
    except SkerryError as error:
        error.message = f"Could not attach to network {network.name}: {error.message}"
        raise
    if addresses != before:
        settings: Raw = {name: endpoint[name] for name in (*KEPT, "IPAMConfig") if endpoint.get(name)}
        settings = leases.with_named(settings, addresses)
        path = f"/networks/{network.engine_name}"
        await call.ask("POST", f"{path}/disconnect", {"Container": key})
        await call.ask("POST", f"{path}/connect", {"Container": key, "EndpointConfig": settings})
