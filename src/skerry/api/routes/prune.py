"""What prunes: networks, the engine's and the swarm's, that nothing uses; images and containers, but for what
is kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlencode

from aiohttp import web

from skerry.api.call import Call
from skerry.api.disguise import LABEL
from skerry.api.filters import Filters
from skerry.api.instants import moment
from skerry.api.overlay import local_networks, remove_ours, visible
from skerry.api.query import Parameter
from skerry.api.responses import json_response, relay
from skerry.api.route import Route, Table
from skerry.control.scope.endpoint_access import ADMIN_ONLY
from skerry.engine.port import EngineError, EngineUnreachable
from skerry.model.errors import RpcError
from skerry.model.times import instant

PREDEFINED = ("bridge", "host", "none", "default")
"""Networks that every engine has, and the name that stands for one of them: never removed."""


async def prune(call: Call) -> web.Response:
    """Remove what nothing uses, but never the bridges behind our networks.

    The engine is asked to prune what nothing has, and so checks the filters. What it is to remove, it is told
    network by network: of several labels that a network must not have, it heeds only all at once.
    """
    filters = call.filters()
    nothing = Filters({**filters, "label": [*filters.get("label", ()), f"{LABEL}=none"]})
    response = await call.forward(f"/networks/prune?{urlencode({'filters': nothing.render()})}")
    if response.status != 200:
        return relay(response)
    until = moment(filters["until"][0], call.deps.clock()) if filters.get("until") else None
    gone = [*await _prune_ours(call, filters, until), *await _prune_local(call, filters, until)]
    return json_response({"NetworksDeleted": gone or None}, response.status)


async def _prune_ours(call: Call, filters: Filters, until: int | None) -> list[str]:
    gone = []
    for network in () if call.view.locked else visible(call.view):
        if not network.ingress and _prunable(network.spec.get("Labels"), network.created_at, filters, until):
            try:
                await remove_ours(call, network)
            except RpcError:
                continue  # in use: that is what pruning leaves alone
            gone.append(network.name)
    return gone


async def _prune_local(call: Call, filters: Filters, until: int | None) -> list[str]:
    gone = []
    for entry in await local_networks(call):
        kept = entry["Name"] in PREDEFINED or entry.get("ConfigOnly")
        if not kept and _prunable(entry.get("Labels"), instant(entry["Created"]), filters, until):
            response = await call.ask("DELETE", f"/networks/{entry['Id']}")
            if response.status == 204:  # else it is in use
                gone.append(entry["Name"])
    return gone


def _prunable(held: Mapping[str, str] | None, created: int, filters: Filters, until: int | None) -> bool:
    excluded = "label!" in filters and filters.labels("label!", held)
    young = until is not None and created > until
    return filters.labels("label", held) and not excluded and not young


async def prune_images(call: Call) -> web.Response:
    """The engine's prune, once each image that is kept is safe from it: containers may have been pruned just
    before."""
    await _keep_images(call)
    return relay(await call.forward())


async def prune_containers(call: Call) -> web.Response:
    """The engine's prune; those that keep an image are made again, and nobody is told of them."""
    hidden = call.deps.kept_images.holders
    response = await call.forward()
    if response.status != 200:
        return relay(response)
    await _keep_images(call)
    gone = [key for key in response.json["ContainersDeleted"] or () if key not in hidden]
    return json_response({**response.json, "ContainersDeleted": gone or None}, response.status)


async def _keep_images(call: Call) -> None:
    with suppress(EngineError, EngineUnreachable):  # whoever asks hears of it from the engine itself
        await call.deps.kept_images.look()


ROUTES: Table = [
    Route("POST", "/images/prune", prune_images, access=ADMIN_ONLY),
    Route("POST", "/containers/prune", prune_containers, access=ADMIN_ONLY),
    Route(
        "POST",
        "/networks/prune",
        prune,
        query={"filters": Parameter("filters", malformed=500)},
        access=ADMIN_ONLY,
    ),
]
