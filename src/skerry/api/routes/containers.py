"""/containers/json, /containers/{id}/json and /containers/create, as far as the swarm shows in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from skerry.api import engine_versions, portfilter
from skerry.api.call import Call
from skerry.api.disguise import Disguise, is_holder, networks_of, own_healthcheck
from skerry.api.filters import Filters
from skerry.api.overlay import attachable, joined
from skerry.api.query import FLAG, NUMBER, TEXT, Parameter
from skerry.api.request_body import canonical
from skerry.api.responses import json_response, relay
from skerry.api.route import Route, Table
from skerry.api.seats import seat
from skerry.control import leases
from skerry.control.scope.endpoint_access import ADMIN_ONLY, Deploy, of
from skerry.model.container_labels import KEEPS, TASK_ID
from skerry.model.errors import InvalidParameter, SkerryError
from skerry.model.go import strconv
from skerry.model.objects import Network, Raw

_OWN = ("expose", "health", "is-task", "network", "publish")
"""Filters on what the engine does not know about our containers: answered here."""
_PORTS = {"publish": "PublicPort", "expose": "PrivatePort"}
"""Filters by port, and where a container in the list has such a port."""
_HEALTH = ("healthy", "none", "starting", "unhealthy")


async def listing(call: Call) -> web.Response:
    """`docker ps`."""
    filters = call.filters()
    own = Filters({key: filters.pop(key) for key in _OWN if key in filters})
    try:
        limit = _limit(call.query.text("limit")) if own or call.deps.kept_images.holders else 0
        _check(own)
    except InvalidParameter:
        response = await call.forward()
        if response.status >= 400:
            return relay(response)  # as this engine puts it
        raise
    changes: dict[str, str | None] = {"filters": filters.render()} if own else {}
    if limit > 0:
        # The engine would count rows that we then drop, and a limit asks for stopped containers as well.
        changes |= {"all": "1", "limit": None}
    response = await call.forward(f"/containers/json?{call.query.changed(**changes)}")
    if response.status != 200:
        return relay(response)
    disguise = Disguise.of(call)
    with_holders = any(value.startswith(KEEPS) for value in filters.get("label", ()))
    rows = [disguise.row(row) for row in response.json if with_holders or not is_holder(row.get("Labels"))]
    rows = [row for row in rows if _passes(disguise, row, own)]
    return json_response(rows[:limit] if limit > 0 else rows, response.status)


def _limit(text: str) -> int:
    try:
        return strconv.atoi(text) if text else 0
    except strconv.NumError as error:
        raise InvalidParameter(str(error)) from error


def _check(filters: Filters) -> None:
    for value in filters.get("health", ()):
        if value not in _HEALTH:
            raise InvalidParameter(f"Unrecognised filter value for health: {value}")
    for key in _PORTS:
        portfilter.read(key, filters.get(key, ()))


def _passes(disguise: Disguise, row: Raw, filters: Filters) -> bool:
    if not filters:
        return True
    task = disguise.task_of(row.get("Labels"), row.get("Id", ""))
    wants_task = any(value.lower() in ("1", "t", "true") for value in filters.get("is-task", ()))
    return (
        ("is-task" not in filters or wants_task == (task is not None))
        and filters.exact("health", health_word(row.get("Status", "")))
        and _on_network(row, filters)
        and _has_port(row, filters)
    )


def health_word(status: str) -> str:
    """The health that a status text tells: `Up 3 seconds (health: starting)` is starting."""
    inside = status.rpartition("(")[2].removesuffix(")").removeprefix("health: ")
    return inside if status.endswith(")") and inside in _HEALTH else "none"


def _on_network(row: Raw, filters: Filters) -> bool:
    if "network" not in filters:
        return True
    joined = (row.get("NetworkSettings") or {}).get("Networks") or {}
    return any(
        value in joined or any(str(entry.get("NetworkID", "")).startswith(value) for entry in joined.values())
        for value in filters["network"]
    )


def _has_port(row: Raw, filters: Filters) -> bool:
    ranges = {key: portfilter.read(key, filters[key]) for key in _PORTS if key in filters}
    if not ranges:
        return True
    return any(
        (entry.get(_PORTS[key], 0), entry.get("Type")) in numbers
        for entry in row.get("Ports") or ()
        for key in ranges
        for numbers in ranges[key]
    )


async def inspect(call: Call) -> web.Response:
    """`docker inspect` of a container."""
    response = await call.forward()
    if response.status != 200:
        return relay(response)
    container: Raw = response.json
    disguise = Disguise.of(call)
    check = await _image_healthcheck(call, disguise, container)
    return json_response(disguise.details(container, check), response.status)


async def _image_healthcheck(call: Call, disguise: Disguise, container: Raw) -> Raw | None:
    """What the image of a task says about its health, where the service does not say it."""
    task = disguise.task_of((container.get("Config") or {}).get("Labels"), container.get("Id", ""))
    if task is None:
        return None
    own = own_healthcheck(task, None)
    if own is not None and own.get("Test"):
        return None
    response = await call.ask("GET", f"/images/{container.get('Image', '')}/json")
    config = response.json.get("Config") if response.status == 200 else None
    check = (config or {}).get("Healthcheck")
    return check if isinstance(check, dict) else None


async def create(call: Call) -> web.Response:
    """Create a container; where it names an overlay network it gets that one's bridge and resolver, and
    where it binds the engine's socket skerry's."""
    data = await call.read()
    try:
        sent = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return relay(await call.forward())  # the engine has the words for it
    if not isinstance(sent, dict):
        return relay(await call.forward())
    plain = canonical(sent, "container.CreateRequest")
    body = _with_the_api(call, plain)
    body = await _onto_bridges(call, body) or body
    response = await call.forward(body=msgspec.json.encode(body) if body != plain else None)
    if response.status == 201 and body != plain:
        await leases.prefer(call.store, str(response.json["Id"]), _chosen(call, plain, body))
    return relay(response)


def _chosen(call: Call, sent: Raw, body: Raw) -> Iterator[tuple[Network, str]]:
    """The addresses on our networks that the body has, and what was sent had not."""
    before = {own for entry in _endpoints(sent).values() for own in leases.named_addresses(entry)}
    known = networks_of(call.view)
    for name, settings in _endpoints(body).items():
        for address in leases.named_addresses(settings) if name in known else ():
            if address not in before:
                yield known[name], address


def _endpoints(body: Raw) -> Raw:
    endpoints: Raw = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    return endpoints


def _with_the_api(call: Call, body: Raw) -> Raw:
    """The body with skerry's socket where it binds the engine's."""
    socket, host, labels = call.deps.api_socket, body.get("HostConfig"), body.get("Labels") or {}
    if socket is None or not isinstance(host, dict) or not isinstance(labels, dict):
        return body
    return {**body, "HostConfig": socket.host_config(host, labels)}


async def _onto_bridges(call: Call, body: Raw) -> Raw | None:
    """The body with our networks' names as the engine has them; None where it names none of ours."""
    host, networking = body.get("HostConfig") or {}, body.get("NetworkingConfig") or {}
    named: Any = networking.get("EndpointsConfig") or {} if isinstance(networking, dict) else None
    entries = [entry for entry in named.values() if entry is not None] if isinstance(named, dict) else []
    if not all(isinstance(value, dict) for value in (host, networking, named, *entries)):
        return None  # the engine has the words for it
    mode = host.get("NetworkMode", "")
    if not isinstance(mode, str):
        return None
    refs = dict.fromkeys((mode, *named))
    networks = {ref: network for ref in refs if (network := await joined(call, ref)) is not None}
    if not networks:
        return None
    for ref, network in networks.items():
        if network.attachable:
            networks[ref] = await attachable(call, network)
    first = next(iter(networks.values()))
    host = {**host, "NetworkMode": _engine_name(networks, host.get("NetworkMode", ""))}
    if not host.get("Dns") and first.leg:
        host["Dns"] = [first.leg]
    endpoints = {_engine_name(networks, ref): _unidentified(entry) for ref, entry in named.items()}
    for network in networks.values():
        if network.attachable and (
            network.engine_name in endpoints or network.engine_name == host["NetworkMode"]
        ):
            settings = endpoints.get(network.engine_name)
            endpoints[network.engine_name] = leases.with_address(call.view, network, settings)
    return {**body, "HostConfig": host, "NetworkingConfig": {**networking, "EndpointsConfig": endpoints}}


async def start(call: Call) -> web.Response:
    """Start a container; only now it is refused on a network that is not attachable, as with Swarm."""
    response = await call.ask("GET", f"/containers/{quote(call.ref, safe='')}/json")
    container: Raw = response.json if response.status == 200 else {}
    names = {(container.get("HostConfig") or {}).get("NetworkMode", "")}
    names |= set((container.get("NetworkSettings") or {}).get("Networks") or {})
    ours = [network for name, network in networks_of(call.view).items() if name in names]
    if not ours or TASK_ID in (container["Config"].get("Labels") or {}) or _runs(container):
        return relay(await call.forward())
    try:
        for network in ours:
            await seat(call, container, await attachable(call, network))
    except SkerryError as error:
        await _not_started(call, container, ours)
        if call.facts.has(engine_versions.START_PREFIX):
            error.message = f"failed to set up container networking: {error.message}"
        raise
    response = await call.forward()
    if response.status >= 400:
        for network in ours:
            await leases.release(call.store, str(container["Id"]), network)
    else:
        await call.deps.guest_settled(str(container["Id"]))
    return relay(response)


def _runs(container: Raw) -> bool:
    return bool((container.get("State") or {}).get("Running"))


async def _not_started(call: Call, container: Raw, ours: Iterable[Network]) -> None:
    for network in ours:
        await leases.release(call.store, str(container["Id"]), network)
    if container["HostConfig"].get("AutoRemove"):
        # as the engine does after a start that failed: `docker run --rm` waits for it
        await call.ask("DELETE", f"/containers/{container['Id']}?v=1&force=1")


def _engine_name(networks: dict[str, Network], ref: str) -> str:
    return networks[ref].engine_name if ref in networks else ref


def _unidentified(endpoint: Raw | None) -> Raw | None:
    """Endpoint settings without the network's ID, which means nothing to the engine."""
    return None if endpoint is None else {key: value for key, value in endpoint.items() if key != "NetworkID"}


ROUTES: Table = [
    Route(
        "GET",
        "/containers/json",
        listing,
        query={"filters": Parameter("filters", malformed=500), "all": FLAG, "limit": NUMBER, "size": FLAG},
        access=of("container", Deploy.NOTHING, read=True),
    ),
    Route(
        "POST",
        "/containers/create",
        create,
        body="container.CreateRequest",
        query={"name": TEXT},
        access=ADMIN_ONLY,
    ),
    Route("POST", "/containers/{ref}/start", start, access=ADMIN_ONLY),
    Route(
        "GET",
        "/containers/{ref}/json",
        inspect,
        access=of("container", Deploy.NOTHING, read=True),
    ),
]
