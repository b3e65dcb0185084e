"""The swarm's networks among the engine's: which are ours, which are hidden, and what both kinds take.

Clients see one list of networks. The engine has its own, and a bridge behind each of the swarm's; whoever
answers about networks or about containers on them asks here which is which.
"""

from __future__ import annotations

from skerry.api.call import Call
from skerry.api.disguise import networks_of
from skerry.control import networks
from skerry.control.access import require_swarm
from skerry.core.view import View
from skerry.model.container_labels import TASK_ID
from skerry.model.errors import RpcError, SkerryError
from skerry.model.objects import Network, Raw


def ours(view: View, ref: str) -> Network | None:
    """The overlay network of this ID or name, unless it is being removed."""
    return next((network for network in visible(view) if ref and ref in (network.id, network.name)), None)


def visible(view: View) -> list[Network]:
    """The swarm's networks that there are for the user, by ID; rows of the engine's own are none."""
    rows = (view.networks[key] for key in sorted(view.networks))
    return [network for network in rows if not network.predefined and not network.removed]


def hidden(view: View, network: Raw) -> bool:
    """Whether this network of the engine's is a bridge behind one of ours; a stray one is shown."""
    return network.get("Name") in networks_of(view)


async def joined(call: Call, ref: str) -> Network | None:
    """The overlay network that a container is to join; a name that the engine knows too is the engine's."""
    network = ours(call.view, ref)
    if network is None or network.id == ref:
        return network
    return None if await namesakes(call, ref) else network


async def attachable(call: Call, network: Network) -> Network:
    """The network with its bridge made, for a plain container to join. Raises where that is not allowed."""
    require_swarm(call.view)
    if not network.attachable:
        reason = RpcError("PermissionDenied", f"network {network.name} not manually attachable").message
        raise SkerryError(f"Could not attach to network {network.name}: {reason}")
    return await call.deps.allocate_network(network.id)


async def namesakes(call: Call, name: str) -> int:
    """How many networks of the engine's own have this name."""
    return sum(entry["Name"] == name for entry in await local_networks(call))


async def taken(call: Call) -> set[str]:
    """The subnets that are in use beside ours: this machine's routes and the engine's networks."""
    subnets = set(call.deps.routes())
    for network in await local_networks(call):
        subnets |= {
            config["Subnet"] for config in network["IPAM"].get("Config") or () if config.get("Subnet")
        }
    return subnets


async def local_networks(call: Call) -> list[Raw]:
    """The engine's own networks, without the bridges behind ours."""
    response = await call.ask("GET", "/networks")
    return (
        [entry for entry in response.json if not hidden(call.view, entry)] if response.status == 200 else []
    )


async def containers_on(call: Call, network: Network) -> Raw | None:
    """The containers on a network's bridge, or None while there is no bridge."""
    response = await call.ask("GET", f"/networks/{network.engine_name}")
    return None if response.status != 200 else response.json.get("Containers") or {}


async def remove_ours(call: Call, network: Network) -> None:
    """Remove one of ours. Raises FailedPrecondition while containers that are no tasks are on it."""
    await check_no_guests(call, network)
    await networks.remove(call.store, network.id)


async def check_no_guests(call: Call, network: Network) -> None:
    """Raises FailedPrecondition while containers that are no tasks are on a network."""
    for key in await containers_on(call, network) or {}:
        response = await call.ask("GET", f"/containers/{key}/json")
        config = (response.json if response.status == 200 else {}).get("Config")
        if config is not None and TASK_ID not in (config.get("Labels") or {}):
            raise RpcError("FailedPrecondition", f"network {network.id} is in use by task {key[:25]}")
