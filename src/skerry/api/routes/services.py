"""/services."""

from __future__ import annotations

from aiohttp import web

from skerry.api import engine_versions
from skerry.api.call import Call, empty
from skerry.api.endpoint import Endpoint, Table
from skerry.api.errors import answer
from skerry.api.filters import Filters
from skerry.api.images import content_of, resolved
from skerry.api.overlay import local_networks
from skerry.api.query import BOOL, NUMBER, TEXT, Parameter
from skerry.api.wire import services as wire
from skerry.control import services, swarm
from skerry.control.convert import service_spec
from skerry.model.objects import Raw, Service

_FILTERS = Parameter("filters", keys=("id", "label", "mode", "name", "runtime"), malformed=400)


async def listing(call: Call) -> web.Response:
    """Every service that passes the filters, with its count of tasks if filters."""
    filters = call.filters()
    status = call.query.bool("status")
    swarm.manager(call.view)
    view = call.view
    found = [view.services[key] for key in sorted(view.services)]
    return answer([wire.service(view, entry, status=status) for entry in found if _passes(entry, filters)])


def _passes(service: Service, filters: Filters) -> bool:
    if not filters:
        return True
    spec = service.spec.typed
    return (
        filters.prefix("id", service.id)
        and filters.prefix("name", service.name)
        and filters.labels("label", spec.labels)
        and filters.exact("mode", spec.mode.kind)
        and filters.exact("runtime", spec.task_template.runtime)
    )


async def inspect(call: Call) -> web.Response:
    """One service."""
    insert = call.query.bool("insertDefaults")
    swarm.manager(call.view)
    view = call.view
    return answer(wire.service(view, services.find(view, call.ref), insert_defaults=insert))


async def create(call: Call) -> web.Response:
    """Make a service."""
    spec, warnings = await _converted(call)
    content = await content_of(call, spec)
    key, more = await services.create(call.store, spec, auth=call.auth, content=content)
    warnings += more
    shown = {"Warnings": warnings or None} if warnings or call.facts.has(engine_versions.WARNINGS) else {}
    return answer({"ID": key, **shown}, 201)


async def _converted(call: Call) -> tuple[Raw, list[str]]:
    """The spec in the body as it would be stored, and warnings."""
    body, warnings = await resolved(call, await call.body())
    return service_spec(call.view, body, await _local(call, body)), warnings


async def _local(call: Call, spec: Raw) -> set[str]:
    """Names and IDs of the engine's own networks, to tell an unusable network from an unknown one.

    The engine is asked only where the spec names a network that is none of ours.
    """
    wanted = spec.get("TaskTemplate", {}).get("Networks") or spec.get("Networks", [])
    ours = {name for one in call.view.networks.values() for name in (one.id, one.name)}
    if ours.issuperset(one.get("Target", "") for one in wanted):
        return set()
    found = await local_networks(call)
    return {entry["Name"] for entry in found} | {entry["Id"] for entry in found}


async def update(call: Call) -> web.Response:
    """Replace a service's spec, or go back to its previous one.

    The engine, which takes its time, is asked what the image means only where the tasks may have to change.
    """
    spec, warnings = await _converted(call)
    version = call.query.number("version")
    keeps = services.keeps_image(call.view, call.ref, version, spec)
    warnings += await services.update(
        call.store,
        call.ref,
        version,
        spec,
        registry_auth_from=call.query.text("registryAuthFrom"),
        rollback=call.query.text("rollback"),
        auth=call.auth,
        content=None if keeps else await content_of(call, spec),
    )
    return answer({"Warnings": warnings or None})


async def remove(call: Call) -> web.Response:
    """Remove a service; its tasks stop by and by."""
    await services.remove(call.store, call.ref)
    return empty()


ENDPOINTS: Table = [
    Endpoint("GET", "/services", listing, query={"filters": _FILTERS, "status": Parameter("bool", (1, 41))}),
    Endpoint("POST", "/services/create", create, body="swarm.ServiceSpec"),
    Endpoint("GET", "/services/{ref}", inspect, query={"insertDefaults": BOOL}),
    Endpoint(
        "POST",
        "/services/{ref}/update",
        update,
        body="swarm.ServiceSpec",
        query={"version": NUMBER, "registryAuthFrom": TEXT, "rollback": TEXT},
    ),
    Endpoint("DELETE", "/services/{ref}", remove),
]
