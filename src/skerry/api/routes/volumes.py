"""/volumes/{name}, as far as the swarm shows: one that the engine does not know might be the swarm's."""

from __future__ import annotations

from aiohttp import web

from skerry.api import engine_versions
from skerry.api.call import Call
from skerry.api.responses import relay
from skerry.api.route import Route, Table
from skerry.api.wire.cluster import local_state
from skerry.control.scope.endpoint_access import ADMIN_ONLY
from skerry.model.errors import NotFound


async def inspect_or_remove(call: Call) -> web.Response:
    """Inspect or remove a volume. A swarm of newer engines is asked next, and says it in its own words."""
    response = await call.forward()
    newer = call.facts.has(engine_versions.CLUSTER_VOLUMES) and call.at_least("1.42")
    if response.status == 404 and newer and local_state(call.view) == "active":
        raise NotFound(f"volume {call.ref} not found")
    return relay(response)


ROUTES: Table = [
    Route("GET", "/volumes/{ref}", inspect_or_remove, access=ADMIN_ONLY),
    Route("DELETE", "/volumes/{ref}", inspect_or_remove, access=ADMIN_ONLY),
]
