"""/networks/{id}/connect and disconnect: plain containers on networks, the swarm's among them."""

from __future__ import annotations

import re
from urllib.parse import quote

import msgspec
from aiohttp import web

from skerry.api.call import Call
from skerry.api.overlay import attachable, joined
from skerry.api.responses import empty_response, relay
from skerry.api.route import Route, Table
from skerry.api.wire import networks as wire
from skerry.control import leases
from skerry.control.scope.endpoint_access import ADMIN_ONLY
from skerry.model.errors import Conflict, RpcError, SkerryError
from skerry.model.objects import Network, Raw

TWICE = re.compile(rb"endpoint with name (\S+) already exists in network")
"""What the engine says to a container that is on a network already."""


async def connect(call: Call) -> web.Response:
    """Connect a container to a network, an attachable overlay among them."""
    network = await joined(call, call.ref)
    if network is None:
        response = await call.forward()
        if response.status == 404 and call.view.cluster is not None and b"network" in response.body:
            # the engine would have asked the swarm for a network that it does not know itself
            reason = RpcError("NotFound", f"network {call.ref} not found").message
            raise SkerryError(f"Could not attach to network {call.ref}: {reason}")
        return relay(response)
    body = await call.body()
    network = await attachable(call, network)
    container = await _container(call, str(body.get("Container", "")))
    await _leave_again(call, network, container)
    body, key = await _with_address(call, network, body, container)
    response = await call.forward(f"/networks/{network.engine_name}/connect", msgspec.json.encode(body))
    if response.status >= 400 and key:
        await leases.release(call.store, key, network)
    if response.status == 403 and (twice := TWICE.search(response.body)):
        raise Conflict(f"{twice[1].decode()} is already attached to network {network.name}")
    if response.status < 300:
        await call.deps.guest_settled(str(container.get("Id") or body.get("Container", "")))
    return _renamed(response.status, network, relay(response))


async def _container(call: Call, ref: str) -> Raw:
    """A container as the engine shows it; empty where it shows none."""
    response = await call.ask("GET", f"/containers/{quote(ref, safe='')}/json") if ref else None
    container: Raw = response.json if response is not None and response.status == 200 else {}
    return container


async def _leave_again(call: Call, network: Network, container: Raw) -> None:
    """Take a container that does not run off a network that it was made with. The engine would keep to what
    it was made with; a swarm's network, which a node has only while something runs there, takes the new."""
    if not container or container["State"]["Running"]:
        return
    if network.engine_name in container["NetworkSettings"]["Networks"]:
        await call.ask("POST", f"/networks/{network.engine_name}/disconnect", {"Container": container["Id"]})


async def _with_address(call: Call, network: Network, body: Raw, container: Raw) -> tuple[Raw, str]:
    """The body with the address that the container gets, and the ID of one that has it from now on, since it
    runs. Others get theirs when they start."""
    settings = body.get("EndpointConfig") or {}
    runs = bool(container) and bool(container["State"]["Running"])
    if not container or (runs and network.engine_name in container["NetworkSettings"]["Networks"]):
        return body, ""  # the engine has the words for it
    key = str(container["Id"])
    if runs:
        try:
            addresses = await leases.claim(call.store, key, network, leases.named_addresses(settings))
            for address in addresses:
                await call.deps.vacated(network.id, address)
        except SkerryError as error:
            error.message = f"Could not attach to network {network.name}: {error.message}"
            raise
        return {**body, "EndpointConfig": leases.with_named(settings, addresses)}, key
    before = leases.named_addresses(settings)
    settings = leases.with_address(call.view, network, settings)
    chosen = [own for own in leases.named_addresses(settings) if own not in before]
    await leases.prefer(call.store, key, [(network, own) for own in chosen])
    return {**body, "EndpointConfig": settings}, ""


async def disconnect(call: Call) -> web.Response:
    """Take a container off a network."""
    network = await joined(call, call.ref)
    if network is None:
        return relay(await call.forward())
    body = await call.body()
    if body.get("Container") == wire.balancer_name(network):
        return (
            empty_response()
        )  # clients take off whatever a network shows; this one is the gate's and goes with it
    response = await call.forward(f"/networks/{network.engine_name}/disconnect")
    if response.status < 300:
        await call.deps.guest_settled(str(body.get("Container", "")))
    return _renamed(response.status, network, relay(response))


def _renamed(status: int, network: Network, response: web.Response) -> web.Response:
    """The engine's complaints speak of the bridge; the client knows the network."""
    if status >= 400 and isinstance(response.body, bytes):
        response.body = response.body.replace(network.engine_name.encode(), network.name.encode())
    return response


ROUTES: Table = [
    Route("POST", "/networks/{ref}/connect", connect, body="types.NetworkConnect", access=ADMIN_ONLY),
    Route(
        "POST",
        "/networks/{ref}/disconnect",
        disconnect,
        body="types.NetworkDisconnect",
        access=ADMIN_ONLY,
    ),
]
