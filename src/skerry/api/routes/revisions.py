"""/skerry/services: what a service was, and going back there; stopping it, and starting it again."""

from __future__ import annotations

from aiohttp import web

from skerry.api import progress
from skerry.api.call import Call
from skerry.api.callers import name_of
from skerry.api.query import BOOL, NUMBER, TEXT
from skerry.api.responses import json_response
from skerry.api.route import Route, Table
from skerry.api.wire import revisions as wire
from skerry.api.wire.stacks import named
from skerry.control import services, stopping, undo
from skerry.control.access import require_swarm
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.store.store import Tx


async def listing(call: Call) -> web.Response:
    """The revisions of a service that are kept, oldest first."""
    require_swarm(call.view)
    service = services.find(call.view, call.ref)
    now = call.deps.clock()
    rows = call.view.revisions_of(service.id)
    return json_response([wire.revision(call.view, service, row, now) for row in rows])


async def roll_back(call: Call) -> web.Response:
    """Make a service what it was in an earlier revision, as a new one; by default, in the one before. With
    `plan=true`, only say what that would do."""
    number, by, ref = call.query.optional_integer("to"), name_of(call.view, call.caller), call.ref

    def write(tx: Tx) -> undo.Restored:
        return undo.roll_back(tx, ref, number, by)

    outcome = call.store.rehearse(write)
    if outcome.changed and not call.query.bool("plan"):
        outcome = await call.store.update(write)
    return json_response(wire.restored(outcome))


async def stop(call: Call) -> web.Response:
    """Stop a service; its name, if it ran."""
    by, ref = name_of(call.view, call.caller), call.ref
    rows = await call.store.update(lambda tx: stopping.stop(tx, [services.find(tx.view, ref)], by))
    return json_response(named(rows))


async def start(call: Call) -> web.Response:
    """Start it again, and what it needs; the names of those that were stopped."""
    ref = call.ref
    rows = await call.store.update(lambda tx: stopping.start(tx, [services.find(tx.view, ref)]))
    return json_response(named(rows))


async def follow(call: Call) -> web.StreamResponse:
    """How a revision of a service, its stop or its start goes, a line of JSON whenever something changes,
    until it is over."""
    require_swarm(call.view)
    service = services.find(call.view, call.ref)
    if what := call.query.text("of"):
        lines = progress.lines_of(what, call.store, call.deps.clock, [service])
        return await progress.streamed(call.request, lines)
    number = call.query.optional_integer("revision")
    row = undo.find_revision(call.view, service, service.revision if number is None else number)
    lines = progress.lines_of_service(call.store, call.deps.clock, row.id)
    return await progress.streamed(call.request, lines)


ROUTES: Table = [
    Route("GET", "/skerry/services/{ref}/revisions", listing, access=of("revision", Deploy.SEE)),
    Route(
        "GET",
        "/skerry/services/{ref}/progress",
        follow,
        query={"revision": NUMBER, "of": TEXT},
        access=of("service", Deploy.SEE),
    ),
    Route("POST", "/skerry/services/{ref}/stop", stop, access=of("service", Deploy.CHANGE)),
    Route("POST", "/skerry/services/{ref}/start", start, access=of("service", Deploy.CHANGE)),
    Route(
        "POST",
        "/skerry/services/{ref}/rollback",
        roll_back,
        query={"to": NUMBER, "plan": BOOL},
        access=of("revision", Deploy.RETURN),
    ),
]
