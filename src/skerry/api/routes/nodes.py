"""/nodes."""

from __future__ import annotations

from aiohttp import web

from skerry.api import filters
from skerry.api.call import Call, Table, empty
from skerry.api.errors import answer
from skerry.api.filters import Filters
from skerry.api.wire import cluster as wire
from skerry.control import nodes, swarm
from skerry.model.errors import SkerryError
from skerry.model.objects import Node

_FILTERS = ("id", "label", "membership", "name", "node.label", "role")
_WORDS = {"role": ("manager", "worker"), "membership": ("accepted", "pending")}


async def listing(call: Call) -> web.Response:
    """Every node that passes the filters."""
    asked = call.filters(_FILTERS)
    swarm.manager(call.view)
    for key, words in _WORDS.items():
        for value in asked.get(key, ()):
            if value not in words:
                raise SkerryError(f"Invalid {key} filter: '{value}'")
    return answer([wire.node(call.view, node) for node in call.view.nodes.values() if _wanted(node, asked)])


def _wanted(node: Node, asked: Filters) -> bool:
    engine_labels = (node.description.get("Engine") or {}).get("Labels")
    return (
        filters.prefix(asked, "id", node.id)
        and filters.prefix(asked, "name", node.hostname)
        and filters.exact(asked, "role", node.spec.get("Role", "manager"))
        and filters.exact(asked, "membership", "accepted")
        and filters.labels(asked, "label", engine_labels)
        and filters.labels(asked, "node.label", node.spec.get("Labels"))
    )


async def inspect(call: Call) -> web.Response:
    """One node."""
    swarm.manager(call.view)
    return answer(wire.node(call.view, nodes.find(call.view, call.ref)))


async def update(call: Call) -> web.Response:
    """Replace a node's spec."""
    body = await call.body("swarm.NodeSpec")
    await nodes.update(call.store, call.ref, call.request.query.get("version"), body)
    return empty()


async def remove(call: Call) -> web.Response:
    """Take a node out of the swarm."""
    await nodes.remove(call.store, call.ref, call.lenient("force"))
    return empty()


ROUTES: Table = [
    ("GET", "/nodes", listing),
    ("GET", "/nodes/{ref}", inspect),
    ("POST", "/nodes/{ref}/update", update),
    ("DELETE", "/nodes/{ref}", remove),
]
