"""/services."""

from __future__ import annotations

from aiohttp import web

from skerry.api import engine_versions
from skerry.api.call import Call
from skerry.api.callers import name_of
from skerry.api.filters import Filters
from skerry.api.image_references import content_of, resolved
from skerry.api.overlay import local_networks
from skerry.api.query import BOOL, NUMBER, TEXT, Parameter
from skerry.api.responses import empty_response, json_response
from skerry.api.route import Route, Table
from skerry.api.wire import services as wire
from skerry.control import services
from skerry.control.access import require_swarm, version_number
from skerry.control.convert import service_spec
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.model.objects import Raw, Service

_FILTERS = Parameter("filters", keys=("id", "label", "mode", "name", "runtime"), malformed=400)


async def listing(call: Call) -> web.Response:
    """Every service that passes the filters, with its count of tasks if `status` asks for it."""
    filters = call.filters()
    status = call.query.bool("status")
    require_swarm(call.view)
    view = call.view
    rows = [view.services[key] for key in sorted(view.services)]
    return json_response([wire.service(view, row, status=status) for row in rows if _passes(row, filters)])


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
    require_swarm(call.view)
    view = call.view
    return json_response(wire.service(view, services.find(view, call.ref), insert_defaults=insert))


async def create(call: Call) -> web.Response:
    """Make a service."""
    spec, warnings = await _converted(call, await call.body())
    content = await content_of(call, spec)
    key, more = await services.create(
        call.store, spec, auth=call.auth, content=content, by=name_of(call.view, call.caller)
    )
    warnings += more
    shown = {"Warnings": warnings or None} if warnings or call.facts.has(engine_versions.WARNINGS) else {}
    return json_response({"ID": key, **shown}, 201)


async def _converted(call: Call, body: Raw) -> tuple[Raw, list[str]]:
    """The spec in the body as it would be stored, and warnings."""
    body, warnings = await resolved(call, body)
    return service_spec(call.view, body, await _local(call, body)), warnings


async def _local(call: Call, spec: Raw) -> set[str]:
    """Names and IDs of the engine's own networks, to tell an unusable network from an unknown one.

    The engine is asked only where the spec names a network that is none of ours.
    """
    attached = spec.get("TaskTemplate", {}).get("Networks") or spec.get("Networks", [])
    ours = {name for network in call.view.networks.values() for name in (network.id, network.name)}
    if ours.issuperset(network.get("Target", "") for network in attached):
        return set()
    rows = await local_networks(call)
    return {row["Name"] for row in rows} | {row["Id"] for row in rows}


async def update(call: Call) -> web.Response:
    """Replace a service's spec, or go back to its previous one.

    What is wrong is said in Docker's order: the body's types, the version, the spec. The engine, which takes
    its time, is asked what the image means only where the tasks may have to change.
    """
    body = await call.body()
    version = version_number(call.query.number("version"), "service")
    spec, warnings = await _converted(call, body)
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
        by=name_of(call.view, call.caller),
    )
    return json_response({"Warnings": warnings or None})


async def remove(call: Call) -> web.Response:
    """Remove a service; its tasks stop by and by."""
    await services.remove(call.store, call.ref)
    return empty_response()


ROUTES: Table = [
    Route(
        "GET",
        "/services",
        listing,
        query={"filters": _FILTERS, "status": Parameter("bool", (1, 41))},
        access=of("service", Deploy.LIST),
    ),
    Route(
        "POST",
        "/services/create",
        create,
        body="swarm.ServiceSpec",
        access=of("service", Deploy.CREATE),
    ),
    Route(
        "GET",
        "/services/{ref}",
        inspect,
        query={"insertDefaults": BOOL},
        access=of("service", Deploy.SEE),
    ),
    Route(
        "POST",
        "/services/{ref}/update",
        update,
        body="swarm.ServiceSpec",
        query={"version": NUMBER, "registryAuthFrom": TEXT, "rollback": TEXT},
        access=of("service", Deploy.CHANGE),
    ),
    Route("DELETE", "/services/{ref}", remove, access=of("service", Deploy.CHANGE)),
]
