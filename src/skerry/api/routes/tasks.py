"""/tasks."""

from __future__ import annotations

from aiohttp import web

from skerry.api import engine_versions, filters
from skerry.api.call import Call, Table
from skerry.api.errors import answer
from skerry.api.filters import Filters
from skerry.api.wire import tasks as wire
from skerry.control import nodes, services, swarm, tasks
from skerry.core.dirty import is_dirty
from skerry.core.view import View
from skerry.model.errors import SkerryError
from skerry.model.objects import Task
from skerry.model.states import STATES_BY_WORD

_FILTERS = ("_up-to-date", "desired-state", "id", "label", "name", "node", "runtime", "service")


async def listing(call: Call) -> web.Response:
    """Every task that passes the filters, in the order of their IDs."""
    asked = call.filters(_FILTERS)
    swarm.manager(call.view)
    view = call.view
    asked = _resolved(view, asked)
    found = [view.tasks[key] for key in sorted(view.tasks)]
    volumes = call.facts.has(engine_versions.CLUSTER_VOLUMES)
    return answer([wire.task(view, entry, volumes=volumes) for entry in found if _wanted(view, entry, asked)])


def _resolved(view: View, asked: Filters) -> Filters:
    """Services and nodes by their IDs. Raises NotFound, and 500 for a word that is no state."""
    for word in asked.get("desired-state", ()):
        if word not in STATES_BY_WORD:
            raise SkerryError(f"Invalid desired-state filter: '{word}'")
    found = dict(asked)
    if "service" in asked:
        found["service"] = [services.find(view, ref).id for ref in asked["service"]]
    if "node" in asked:
        found["node"] = [nodes.find(view, ref).id for ref in asked["node"]]
    return found


def _wanted(view: View, task: Task, asked: Filters) -> bool:
    return (
        filters.prefix(asked, "id", task.id)
        and filters.prefix(asked, "name", task.name)
        and filters.exact(asked, "service", task.service_id)
        and filters.exact(asked, "node", task.node_id)
        and filters.labels(asked, "label", task.labels)
        and filters.exact(asked, "desired-state", task.desired.word)
        and filters.exact(asked, "runtime", task.spec.get("Runtime") or "container")
        and ("_up-to-date" not in asked or _up_to_date(view, task))
    )


def _up_to_date(view: View, task: Task) -> bool:
    service, node = view.services.get(task.service_id), view.node
    return service is not None and node is not None and not is_dirty(service, task, node)


async def inspect(call: Call) -> web.Response:
    """One task."""
    swarm.manager(call.view)
    view = call.view
    volumes = call.facts.has(engine_versions.CLUSTER_VOLUMES)
    return answer(wire.task(view, tasks.find(view, call.ref), volumes=volumes))


ROUTES: Table = [
    ("GET", "/tasks", listing),
    ("GET", "/tasks/{ref}", inspect),
]
