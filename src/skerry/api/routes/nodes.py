"""/nodes."""

from __future__ import annotations

from aiohttp import web

from skerry.api.call import Call
from skerry.api.filters import Filters
from skerry.api.query import FLAG, NUMBER, Parameter
from skerry.api.responses import empty_response, json_response
from skerry.api.route import Route, Table
from skerry.api.wire import cluster as wire
from skerry.control import nodes
from skerry.control.access import require_swarm
from skerry.control.scope.endpoint_access import ADMIN_ONLY, Deploy, of
from skerry.model.errors import SkerryError
from skerry.model.objects import Node

_FILTERS = Parameter(
    "filters", keys=("id", "label", "membership", "name", "node.label", "role"), malformed=500
)
_WORDS = {"role": ("manager", "worker"), "membership": ("accepted", "pending")}


async def listing(call: Call) -> web.Response:
    """Every node that passes the filters."""
    filters = call.filters()
    require_swarm(call.view)
    for key, words in _WORDS.items():
        for value in filters.get(key, ()):
            if value not in words:
                raise SkerryError(f"Invalid {key} filter: '{value}'")
    return json_response(
        [wire.node(call.view, node) for node in call.view.nodes.values() if _passes(node, filters)]
    )


def _passes(node: Node, filters: Filters) -> bool:
    engine_labels = (node.description.get("Engine") or {}).get("Labels")
    return (
        filters.prefix("id", node.id)
        and filters.prefix("name", node.hostname)
        and filters.exact("role", node.spec.get("Role", "manager"))
        and filters.exact("membership", "accepted")
        and filters.labels("label", engine_labels)
        and filters.labels("node.label", node.spec.get("Labels"))
    )


async def inspect(call: Call) -> web.Response:
    """One node."""
    require_swarm(call.view)
    return json_response(wire.node(call.view, nodes.find(call.view, call.ref)))


async def update(call: Call) -> web.Response:
    """Replace a node's spec."""
    body = await call.body()
    await nodes.update(call.store, call.ref, call.query.number("version"), body)
    return empty_response()


async def remove(call: Call) -> web.Response:
    """Take a node out of the swarm."""
    await nodes.remove(call.store, call.ref, call.query.flag("force"))
    return empty_response()


ROUTES: Table = [
    Route("GET", "/nodes", listing, query={"filters": _FILTERS}, access=of("node", Deploy.LIST)),
    Route("GET", "/nodes/{ref}", inspect, access=of("node", Deploy.SEE)),
    Route(
        "POST",
        "/nodes/{ref}/update",
        update,
        body="swarm.NodeSpec",
        query={"version": NUMBER},
        access=ADMIN_ONLY,
    ),
    Route("DELETE", "/nodes/{ref}", remove, query={"force": FLAG}, access=ADMIN_ONLY),
]
