"""/tasks."""

from __future__ import annotations

from aiohttp import web

from skerry.api import engine_versions
from skerry.api.call import Call
from skerry.api.filters import Filters
from skerry.api.query import Parameter
from skerry.api.responses import json_response
from skerry.api.route import Route, Table
from skerry.api.wire import tasks as wire
from skerry.control import nodes, services
from skerry.control.access import require_swarm
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.control.tasks import find
from skerry.core.dirty import is_dirty
from skerry.core.view import View
from skerry.model.errors import SkerryError
from skerry.model.objects import Task
from skerry.model.states import STATES_BY_WORD

_FILTERS = Parameter(
    "filters",
    keys=("_up-to-date", "desired-state", "id", "label", "name", "node", "runtime", "service"),
    malformed=500,
)


async def listing(call: Call) -> web.Response:
    """Every task that passes the filters, in the order of their IDs."""
    filters = call.filters()
    require_swarm(call.view)
    view = call.view
    filters = _resolved(view, filters)
    volumes = call.facts.has(engine_versions.CLUSTER_VOLUMES)
    tasks = (view.tasks[key] for key in sorted(view.tasks))
    return json_response(
        [wire.task(view, task, volumes=volumes) for task in tasks if _passes(view, task, filters)]
    )


def _resolved(view: View, filters: Filters) -> Filters:
    """Services and nodes by their IDs. Raises NotFound, and 500 for a word that is no state."""
    for word in filters.get("desired-state", ()):
        if word not in STATES_BY_WORD:
            raise SkerryError(f"Invalid desired-state filter: '{word}'")
    resolved = Filters(filters)
    if "service" in filters:
        resolved["service"] = [services.find(view, ref).id for ref in filters["service"]]
    if "node" in filters:
        resolved["node"] = [nodes.find(view, ref).id for ref in filters["node"]]
    return resolved


def _passes(view: View, task: Task, filters: Filters) -> bool:
    return (
        filters.prefix("id", task.id)
        and filters.prefix("name", task.name)
        and filters.exact("service", task.service_id)
        and filters.exact("node", task.node_id)
        and filters.labels("label", task.labels)
        and filters.exact("desired-state", task.desired.word)
        and filters.exact("runtime", task.spec.typed.runtime)
        and ("_up-to-date" not in filters or _up_to_date(view, task))
    )


def _up_to_date(view: View, task: Task) -> bool:
    service, node = view.services.get(task.service_id), view.node
    return service is not None and node is not None and not is_dirty(service, task, node)


async def inspect(call: Call) -> web.Response:
    """One task."""
    require_swarm(call.view)
    view = call.view
    volumes = call.facts.has(engine_versions.CLUSTER_VOLUMES)
    return json_response(wire.task(view, find(view, call.ref), volumes=volumes))


ROUTES: Table = [
    Route("GET", "/tasks", listing, query={"filters": _FILTERS}, access=of("task", Deploy.LIST)),
    Route("GET", "/tasks/{ref}", inspect, access=of("task", Deploy.SEE)),
]
