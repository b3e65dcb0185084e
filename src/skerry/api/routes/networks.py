"""/networks: the engine's networks, without our bridges, and the swarm's overlay networks, as one."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from skerry.api import engine_versions
from skerry.api.call import Call
from skerry.api.filters import Filters
from skerry.api.overlay import (
    containers_on,
    hidden,
    local_networks,
    namesakes,
    ours,
    remove_ours,
    taken,
    visible,
)
from skerry.api.query import BOOL, TEXT, Parameter
from skerry.api.responses import empty_response, json_response, relay
from skerry.api.route import Route, Table
from skerry.api.wire import networks as wire
from skerry.control import access, networks
from skerry.control.access import require_swarm
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.model.errors import Conflict, Forbidden, InvalidParameter, NotFound, RpcError, SkerryError
from skerry.model.objects import Network, Raw

NO_MANAGER = b"This node is not a swarm manager"
BUILT_IN = ("bridge", "host", "ipvlan", "macvlan", "null")
"""Drivers of the engine that are no plugins."""
NO_SWARM = b"cannot create a swarm scoped network when swarm is not active"


# ---- list, inspect


async def listing(call: Call) -> web.Response:
    """Every network that passes the filters."""
    response = await call.forward()
    if response.status != 200:
        return relay(response)
    filters = call.filters()
    ipv4 = call.facts.has(engine_versions.IPV4_SWITCH)
    rows = [entry for entry in response.json if not hidden(call.view, entry)]
    rows += [wire.network(entry, ipv4=ipv4) for entry in visible(call.view) if _passes(entry, filters)]
    return json_response(rows, response.status)


def _passes(network: Network, filters: Filters) -> bool:
    dangling = filters.get("dangling")
    return (
        filters.exact("driver", network.driver)
        and filters.exact("scope", "swarm")
        and filters.exact("type", "custom")
        and filters.prefix("id", network.id)
        and filters.exact("name", network.name)
        and filters.labels("label", network.spec.get("Labels"))
        and (dangling is None or any(value.lower() in ("1", "true") for value in dangling))
    )


async def inspect(call: Call) -> web.Response:
    """One network; `scope=swarm` asks for the swarm's alone."""
    verbose, scope = call.query.bool("verbose"), call.query.text("scope")
    network = await _meant(call, scope)
    if network is None:
        response = await call.forward()
        if response.status != 404 and not (response.status == 200 and hidden(call.view, response.json)):
            return relay(response)
        raise NotFound(f"network {call.ref} not found")
    return json_response(await _shown(call, network, verbose))


async def _meant(call: Call, scope: str) -> Network | None:
    """The overlay network that is meant: by its ID; by its name, where no network of the engine's has that
    too; by the beginning of its ID. None where the engine has to look."""
    if scope == "swarm":
        require_swarm(call.view)
        return ours(call.view, call.ref) or networks.find(call.view, call.ref)
    if scope:
        return None  # ours are of no other scope
    network = ours(call.view, call.ref)
    if network is not None:
        if not network.id.startswith(call.ref) and (others := await namesakes(call, call.ref)):
            raise InvalidParameter(
                f"{others + 1} matches found based on name: network {call.ref} is ambiguous"
            )
        return network
    by_id = [network for network in visible(call.view) if network.id.startswith(call.ref)]
    if len(by_id) > 1:
        count = len(by_id) + await _beginning(call, call.ref)
        raise InvalidParameter(f"{count} matches found based on ID prefix: network {call.ref} is ambiguous")
    return by_id[0] if by_id else None


async def _beginning(call: Call, ref: str) -> int:
    """How many networks of the engine's own have an ID that begins so."""
    return sum(str(entry["Id"]).startswith(ref) for entry in await local_networks(call))


async def _shown(call: Call, network: Network, verbose: bool) -> Raw:
    """A network is there on a node, for Swarm, as long as a container is on it; `ingress` always is."""
    if network.node_local:
        return await _shown_node_local(call, network)
    containers = (await containers_on(call, network) or {}) if network.subnet else {}
    if not containers and not network.ingress:
        return wire.network(network, ipv4=call.facts.has(engine_versions.IPV4_SWITCH))
    shown = {**containers, **wire.balancer(network)}
    shown_network = wire.network(network, containers=shown, ipv4=call.facts.has(engine_versions.IPV4_SWITCH))
    shown_network["Peers"] = [wire.peer(call.view)]
    if verbose:
        shown_network["Services"] = wire.verbose_services(call.view, network, containers)
    return shown_network


async def _shown_node_local(call: Call, network: Network) -> Raw:
    """One of another driver: as the engine made it, while a container is on it."""
    response = await call.ask("GET", f"/networks/{network.engine_name}")
    made = response.json if response.status == 200 and response.json.get("Containers") else None
    return wire.node_local(network, made, ipv4=call.facts.has(engine_versions.IPV4_SWITCH))


# ---- create, remove


async def create(call: Call) -> web.Response:
    """Make a network: the swarm's if it is an overlay or of that scope, else the engine's."""
    body = await call.body()
    name = body.get("Name", "")
    if not _for_the_swarm(body):
        if ours(call.view, name) is not None:
            raise Conflict(f"network with name {name} already exists")
        return await _create_local(call, body)
    if call.view.cluster is None or call.view.locked:
        forbidden = call.facts.has(engine_versions.OVERLAY_FORBIDDEN)
        raise Forbidden(access.NO_MANAGER) if forbidden else SkerryError(access.NO_MANAGER)
    unique = body.get("CheckDuplicate") or call.facts.has(engine_versions.DUPLICATES)
    if unique and await namesakes(call, name):
        raise Conflict(f"network with name {name} already exists")
    return await _create_ours(call, body)


async def _create_ours(call: Call, body: Raw) -> web.Response:
    """Make a network of the swarm's; what older engines say of an invalid one is an error of theirs."""
    strict = call.facts.has(engine_versions.NETWORKS)
    try:
        key = await networks.create(
            call.store,
            body,
            await taken(call),
            strict=strict,
            network_address=call.deps.network_address,
        )
    except networks.InvalidNetwork as error:
        if strict:
            raise
        raise SkerryError(error.before) from error
    return json_response({"Id": key, "Warning": ""}, 201)


def _for_the_swarm(body: Raw) -> bool:
    """Whether it is an overlay. A mere configuration is the engine's, whatever driver it names."""
    if body.get("ConfigOnly"):
        return False
    return body.get("Driver") == "overlay" or (not body.get("Driver") and body.get("Scope") == "swarm")


async def _create_local(call: Call, body: Raw) -> web.Response:
    """A network of another driver: the engine's, or the swarm's if it is to be of that scope.

    The engine, which is in no swarm, says the same of one of that scope in the end, once all else is right.
    """
    driver = body.get("Driver", "")
    if body.get("Scope") == "swarm" and body.get("Name") in networks.PREDEFINED and call.view.cluster:
        raise Conflict(f"network with name {body['Name']} already exists")
    response = await call.forward()
    if response.status < 400 or call.view.cluster is None:
        return relay(response)
    if NO_SWARM in response.body and not call.view.locked:
        return await _create_ours(call, body)
    if NO_MANAGER not in response.body or driver in BUILT_IN:
        return relay(response)
    words = f"legacy plugin {driver} of type NetworkDriver is not supported in swarm mode"
    raise RpcError("InvalidArgument", words)


async def remove(call: Call) -> web.Response:
    """Remove a network that nothing uses."""
    network = await _unique(call)
    if network is not None:
        await remove_ours(call, network)
        return empty_response(204)
    response = await call.ask("GET", f"/networks/{quote(call.ref, safe='')}")
    if response.status == 200 and hidden(call.view, response.json):
        raise NotFound(f"network {call.ref} not found")
    return relay(await call.forward())


async def _unique(call: Call) -> Network | None:
    """The overlay network that is meant, where no other network is too; None for one of the engine's own."""
    network = ours(call.view, call.ref)
    if network is not None:
        others = await namesakes(call, call.ref) if network.id != call.ref else 0
        if others:
            raise _ambiguous(call.ref, others + 1, "name")
        return network
    by_id = [network for network in visible(call.view) if network.id.startswith(call.ref)]
    if not by_id or await namesakes(call, call.ref):
        return None
    count = len(by_id) + await _beginning(call, call.ref)
    if count > 1:
        raise _ambiguous(call.ref, count, "ID prefix")
    return by_id[0]


def _ambiguous(ref: str, count: int, how: str) -> InvalidParameter:
    return InvalidParameter(f"network {ref} is ambiguous ({count} matches found based on {how})")


ROUTES: Table = [
    Route(
        "GET",
        "/networks",
        listing,
        query={"filters": Parameter("filters")},
        access=of("network", Deploy.LIST),
    ),
    Route(
        "POST",
        "/networks/create",
        create,
        body="types.NetworkCreateRequest",
        access=of("network", Deploy.CREATE),
    ),
    Route(
        "GET",
        "/networks/{ref}",
        inspect,
        query={"scope": TEXT, "verbose": BOOL},
        access=of("network", Deploy.SEE),
    ),
    Route("DELETE", "/networks/{ref}", remove, access=of("network", Deploy.CHANGE)),
]
