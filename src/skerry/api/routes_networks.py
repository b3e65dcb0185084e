"""/networks: the engine's networks, without our bridges, and the swarm's overlay networks, as one."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

import msgspec
from aiohttp import web

from skerry.api import changes, filters
from skerry.api.call import Call, Table, empty, relay, relay_json
from skerry.api.disguise import LABEL, TASK_LABEL
from skerry.api.errors import answer
from skerry.api.filters import Filters
from skerry.api.wire import networks as wire
from skerry.control import access, networks, swarm
from skerry.control.decode import read
from skerry.core.view import View
from skerry.model.errors import Conflict, Forbidden, InvalidParameter, NotFound, RpcError, SkerryError
from skerry.model.objects import Network, Raw


def ours(view: View, ref: str) -> Network | None:
    """The overlay network of this ID or name, unless it is being removed."""
    return next((network for network in visible(view) if ref and ref in (network.id, network.name)), None)


def visible(view: View) -> list[Network]:
    """The overlay networks that there are for the user, by ID; the row of the engine's `host` is none."""
    found = (view.networks[key] for key in sorted(view.networks))
    return [network for network in found if network.subnet and not network.removed]


def _hidden(view: View, network: Raw) -> bool:
    """Whether this network of the engine's is a bridge behind one of ours; a stray one is shown."""
    return (network.get("Labels") or {}).get(LABEL) in view.networks


async def attachable(call: Call, network: Network) -> Network:
    """The network with its bridge made, for a plain container to join. Raises where that is not allowed."""
    swarm.manager(call.view)
    if not network.attachable:
        reason = RpcError("PermissionDenied", f"network {network.name} not manually attachable").message
        raise SkerryError(f"Could not attach to network {network.name}: {reason}")
    return await call.parts.allocate_network(network.id)


# ---- list, inspect


async def listing(call: Call) -> web.Response:
    """Every network that passes the filters."""
    told = await call.forward()
    if told.status != 200:
        return relay(told)
    asked = call.any_filters()
    ipv4 = call.facts.has(changes.IPV4_SWITCH)
    found = [entry for entry in told.json if not _hidden(call.view, entry)]
    found += [wire.network(entry, ipv4=ipv4) for entry in visible(call.view) if _wanted(entry, asked)]
    return relay_json(told, found)


def _wanted(network: Network, asked: Filters) -> bool:
    dangling = asked.get("dangling")
    return (
        filters.exact(asked, "driver", "overlay")
        and filters.exact(asked, "scope", "swarm")
        and filters.exact(asked, "type", "custom")
        and filters.prefix(asked, "id", network.id)
        and filters.exact(asked, "name", network.name)
        and filters.labels(asked, "label", network.spec.get("Labels"))
        and (dangling is None or any(value.lower() in ("1", "true") for value in dangling))
    )


async def inspect(call: Call) -> web.Response:
    """One network; `scope=swarm` asks for the swarm's alone."""
    verbose, scope = call.strict("verbose"), call.text("scope")
    network = ours(call.view, call.ref) if scope in ("", "swarm") else None
    if network is not None:
        return answer(await _shown(call, network, verbose))
    if scope == "swarm":
        swarm.manager(call.view)
        return answer(await _shown(call, networks.find(call.view, call.ref), verbose))
    told = await call.forward()
    if told.status == 200 and not _hidden(call.view, told.json):
        return relay(told)
    if told.status in (200, 404):
        return answer(await _shown(call, _by_prefix(call.view, call.ref), verbose))
    return relay(told)


def _by_prefix(view: View, ref: str) -> Network:
    found = [network for network in visible(view) if network.id.startswith(ref)]
    if len(found) > 1:
        raise InvalidParameter(f"network {ref} is ambiguous ({len(found)} matches found based on ID prefix)")
    if not found:
        raise NotFound(f"network {ref} not found")
    return found[0]


async def _shown(call: Call, network: Network, verbose: bool) -> Raw:
    """A network is there on a node, for Swarm, as long as a container is on it; `ingress` always is."""
    containers = (await _containers(call, network) or {}) if network.subnet else {}
    if not containers and not network.ingress:
        return wire.network(network, ipv4=call.facts.has(changes.IPV4_SWITCH))
    shown = {**containers, **wire.balancer(network)}
    found = wire.network(network, containers=shown, ipv4=call.facts.has(changes.IPV4_SWITCH))
    found["Peers"] = [wire.peer(call.view)]
    if verbose:
        found["Services"] = wire.verbose_services(call.view, network, containers)
    return found


async def _containers(call: Call, network: Network) -> Raw | None:
    """The containers on a network's bridge, or None while there is no bridge."""
    told = await call.ask("GET", f"/networks/{network.engine_name}")
    return None if told.status != 200 else told.json.get("Containers") or {}


# ---- create, remove, prune


async def create(call: Call) -> web.Response:
    """Make a network: ours if it is an overlay or for the swarm, else the engine's."""
    body = await call.body("types.NetworkCreateRequest")
    name = body.get("Name", "")
    if body.get("Driver") != "overlay" and body.get("Scope") != "swarm":
        if ours(call.view, name) is not None:
            raise Conflict(f"network with name {name} already exists")
        return relay(await call.forward())
    read(body, "types.NetworkCreateRequest")  # what is wrong with a body comes before where one is
    if call.view.cluster is None or call.view.locked:
        forbidden = call.facts.has(changes.OVERLAY_FORBIDDEN)
        raise Forbidden(access.NO_MANAGER) if forbidden else SkerryError(access.NO_MANAGER)
    if any(entry["Name"] == name for entry in await local_networks(call)):
        raise Conflict(f"network with name {name} already exists")
    try:
        key = await networks.create(call.store, body, await taken(call))
    except networks.InvalidSubnet as error:
        if call.facts.has(changes.SUBNETS):
            raise
        raise SkerryError(error.before) from error
    return answer({"Id": key, "Warning": ""}, 201)


async def taken(call: Call) -> set[str]:
    """The subnets that are in use beside ours: this machine's routes and the engine's networks."""
    found = set(call.parts.routes())
    for network in await local_networks(call):
        found |= {config["Subnet"] for config in network["IPAM"].get("Config") or () if config.get("Subnet")}
    return found


async def local_networks(call: Call) -> list[Raw]:
    """The engine's own networks, without the bridges behind ours."""
    told = await call.ask("GET", "/networks")
    return [entry for entry in told.json if not _hidden(call.view, entry)] if told.status == 200 else []


async def remove(call: Call) -> web.Response:
    """Remove a network that nothing uses."""
    network = ours(call.view, call.ref)
    if network is None:
        told = await call.ask("GET", f"/networks/{quote(call.ref, safe='')}")
        if told.status == 200 and not _hidden(call.view, told.json):
            return relay(await call.forward())
        network = _by_prefix(call.view, call.ref)
    await _remove(call, network)
    return empty(204)


async def _remove(call: Call, network: Network) -> None:
    """Remove one of ours. Raises FailedPrecondition while containers that are no tasks are on it."""
    for key in await _containers(call, network) or {}:
        told = await call.ask("GET", f"/containers/{key}/json")
        config = (told.json if told.status == 200 else {}).get("Config")
        if config is not None and TASK_LABEL not in (config.get("Labels") or {}):
            raise RpcError("FailedPrecondition", f"network {network.id} is in use by task {key[:25]}")
    await networks.remove(call.store, network.id)


async def prune(call: Call) -> web.Response:
    """Remove what nothing uses, but never the bridges behind our networks."""
    asked = call.any_filters()
    spared = {**asked, "label!": [*asked.get("label!", ()), LABEL]}
    told = await call.forward(f"/networks/prune?{urlencode({'filters': filters.render(spared)})}")
    if told.status != 200:
        return relay(told)
    gone = list((told.json or {}).get("NetworksDeleted") or ())
    for network in () if call.view.locked else visible(call.view):
        if not network.ingress and _prunable(network, asked, call.parts.clock()):
            try:
                await _remove(call, network)
            except RpcError:
                continue  # in use: that is what pruning leaves alone
            gone.append(network.name)
    return relay_json(told, {"NetworksDeleted": gone or None})


def _prunable(network: Network, asked: Filters, now: int) -> bool:
    held = network.spec.get("Labels") or {}
    excluded = any(filters.labels({"label": [value]}, "label", held) for value in asked.get("label!", ()))
    until = asked.get("until")
    old = not until or network.created_at < _instant(until[0], now)
    return filters.labels(asked, "label", held) and not excluded and old


_UNITS = {"h": 3600, "m": 60, "s": 1}


def _instant(text: str, now: int) -> int:
    """`24h`, `90m` or epoch seconds as nanoseconds; what cannot be read prunes nothing of ours."""
    parts = re.findall(r"(\d+)([hms])", text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return now - sum(int(number) * _UNITS[unit] for number, unit in parts) * 1_000_000_000
    return int(float(text) * 1_000_000_000) if re.fullmatch(r"\d+(\.\d+)?", text) else 0


# ---- connect, disconnect


async def connect(call: Call) -> web.Response:
    """Connect a container to a network, an attachable overlay among them."""
    network = ours(call.view, call.ref)
    if network is None:
        told = await call.forward()
        if told.status == 404 and call.view.cluster is not None and b"network" in told.body:
            # the engine would have asked the swarm for a network that it does not know itself
            reason = RpcError("NotFound", f"network {call.ref} not found").message
            raise SkerryError(f"Could not attach to network {call.ref}: {reason}")
        return relay(told)
    body = await call.body("types.NetworkConnect")
    network = await attachable(call, network)
    told = await call.forward(f"/networks/{network.engine_name}/connect", msgspec.json.encode(body))
    return _renamed(told.status, network, relay(told))


async def disconnect(call: Call) -> web.Response:
    """Take a container off a network."""
    network = ours(call.view, call.ref)
    if network is None:
        return relay(await call.forward())
    body = await call.body("types.NetworkDisconnect")
    if body.get("Container") == wire.balancer_name(network):
        return empty()  # clients take off whatever a network shows; this one is the gate's and goes with it
    told = await call.forward(f"/networks/{network.engine_name}/disconnect")
    return _renamed(told.status, network, relay(told))


def _renamed(status: int, network: Network, response: web.Response) -> web.Response:
    """The engine's complaints speak of the bridge; the client knows the network."""
    if status >= 400 and isinstance(response.body, bytes):
        response.body = response.body.replace(network.engine_name.encode(), network.name.encode())
    return response


ROUTES: Table = [
    ("GET", "/networks", listing),
    ("POST", "/networks/create", create),
    ("POST", "/networks/prune", prune),
    ("GET", "/networks/{ref}", inspect),
    ("DELETE", "/networks/{ref}", remove),
    ("POST", "/networks/{ref}/connect", connect),
    ("POST", "/networks/{ref}/disconnect", disconnect),
]
