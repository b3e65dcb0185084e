"""/skerry/stacks: whole stacks, deployed by one call each, and their releases."""

from __future__ import annotations

from aiohttp import web

from skerry.api import engine_versions, progress
from skerry.api.call import Call
from skerry.api.callers import name_of
from skerry.api.image_references import contents_of
from skerry.api.overlay import check_no_guests, local_networks, taken
from skerry.api.query import BOOL, NUMBER, TEXT, whole_number
from skerry.api.responses import empty_response, json_response
from skerry.api.route import Route, Table
from skerry.api.wire import stacks as wire
from skerry.control import networks, stacks, stopping, undo
from skerry.control.access import require_swarm
from skerry.control.networks import Surroundings
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.control.stacks import Circumstances, Deployed, Wanted
from skerry.core.undo import standing_release
from skerry.model.errors import NotFound
from skerry.model.objects import Raw


async def listing(call: Call) -> web.Response:
    """Every stack, those that were deployed call by call included."""
    view = call.view
    return json_response(
        [wire.stack(view, name, stacks.services_of(view, name)) for name in stacks.names(view)]
    )


async def inspect(call: Call) -> web.Response:
    """One stack with its services."""
    return json_response(wire.whole(call.view, call.ref, stacks.services_of(call.view, call.ref)))


async def deploy(call: Call) -> web.Response:
    """Make a stack what the body says, as a release; with `plan=true`, only say what would be done."""
    body = await call.body()
    require_swarm(call.view)
    wanted = Wanted(
        call.ref,
        body,
        by=name_of(call.view, call.caller),
        credentials=call.credentials,
        atomic=_flag(call, "atomic", default=True),
        prune=_flag(call, "prune", default=False),
    )
    return await _deployed(call, wanted)


async def roll_back(call: Call) -> web.Response:
    """Make a stack what it was in an earlier release, as a new one; by default, in the one before."""
    earlier = undo.find_release(call.view, call.ref, call.query.optional_integer("to"))
    by = name_of(call.view, call.caller)
    wanted = stacks.again(earlier, by=by, atomic=_flag(call, "atomic", default=True))
    return await _deployed(call, wanted)


async def _deployed(call: Call, wanted: Wanted) -> web.Response:
    """Deploy it, or say what that would do. What only the engine knows is asked for once it is known to be
    needed."""
    known = await _known(call, wanted)
    outcome = call.store.rehearse(lambda tx: stacks.deploy(tx, wanted, known))
    if known.missing:
        known = Circumstances(known.local, known.around, await contents_of(call, known.missing))
    if (outcome.changed or outcome.renews) and not _flag(call, "plan", default=False):
        outcome = await call.store.update(lambda tx: stacks.deploy(tx, wanted, known))
    elif known.contents:
        outcome = call.store.rehearse(lambda tx: stacks.deploy(tx, wanted, known))
    return json_response(_shown(outcome))


def _shown(outcome: Deployed) -> Raw:
    return {
        "Release": outcome.number,
        "Changed": outcome.changed,
        "Plan": outcome.plan,
        "Warnings": outcome.warnings,
    }


async def _known(call: Call, wanted: Wanted) -> Circumstances:
    """What the engine and the machine know of the networks that are new, or not the swarm's."""
    there = {key for network in networks.living(call.view) for key in (network.id, network.name)}
    new = {body.get("Name", "") for body in wanted.body.get("Networks", [])} - there
    named = {
        network.get("Target", "")
        for body in wanted.body.get("Services", [])
        for network in body.get("TaskTemplate", {}).get("Networks") or body.get("Networks", [])
    }
    if not new and named <= there:
        return Circumstances()
    rows = await local_networks(call)
    local = frozenset({str(row["Name"]) for row in rows} | {str(row["Id"]) for row in rows})
    strict = call.facts.has(engine_versions.NETWORKS)
    subnets = tuple(await taken(call)) if new else ()
    return Circumstances(local, Surroundings(subnets, strict, call.deps.network_address))


async def remove(call: Call) -> web.Response:
    """Remove a stack: its services, then its networks, configs and secrets. Volumes stay."""
    require_swarm(call.view)
    for network in stacks.networks_of(call.view, call.ref):
        await check_no_guests(call, network)
    await call.store.update(lambda tx: stacks.remove(tx, call.ref))
    return empty_response(204)


async def stop(call: Call) -> web.Response:
    """Stop the services of a stack; the names of those that ran."""
    by, stack = name_of(call.view, call.caller), call.ref
    services = await call.store.update(lambda tx: stopping.stop(tx, stacks.services_of(tx.view, stack), by))
    return json_response(wire.named(services))


async def start(call: Call) -> web.Response:
    """Start them again; the names of those that were stopped."""
    stack = call.ref
    services = await call.store.update(lambda tx: stopping.start(tx, stacks.services_of(tx.view, stack)))
    return json_response(wire.named(services))


async def releases(call: Call) -> web.Response:
    """The releases of a stack that are kept, oldest first."""
    stacks.services_of(call.view, call.ref)
    now, current = call.deps.clock(), standing_release(call.view, call.ref)
    return json_response([wire.release(row, now, current) for row in call.view.releases_of(call.ref)])


async def release(call: Call) -> web.Response:
    """One release, with its plan, its source and its specs."""
    number = whole_number(call.request.match_info["number"], "number")
    row, current = stacks.find(call.view, call.ref, number), standing_release(call.view, call.ref)
    return json_response(wire.whole_release(row, call.deps.clock(), current))


async def follow(call: Call) -> web.StreamResponse:
    """How a release, a stop or a start goes, a line of JSON whenever something changes, until it is over."""
    if what := call.query.text("of"):
        services = stacks.services_of(call.view, call.ref)
        lines = progress.lines_of(what, call.store, call.deps.clock, services)
        return await progress.streamed(call.request, lines)
    number = call.query.optional_integer("release")
    if number is None:
        last = call.view.release_of(call.ref)
        if last is None:
            raise NotFound(f"there is no release of the stack {call.ref}")
        number = last.number
    row = stacks.find(call.view, call.ref, number)
    return await progress.streamed(call.request, progress.lines(call.store, call.deps.clock, row.id))


def _flag(call: Call, name: str, *, default: bool) -> bool:
    """A boolean of the query, or its default where it is not there."""
    return call.query.bool(name) if call.query.text(name) else default


_QUERY = {"plan": BOOL, "atomic": BOOL, "prune": BOOL}

_CHANGE = of("stack", Deploy.CHANGE)
_SEE_RELEASES = of("release", Deploy.SEE)

ROUTES: Table = [
    Route("GET", "/skerry/stacks", listing, access=of("stack", Deploy.LIST)),
    Route("GET", "/skerry/stacks/{ref}", inspect, access=of("stack", Deploy.SEE)),
    Route("POST", "/skerry/stacks/{ref}", deploy, body="skerry.Stack", query=_QUERY, access=_CHANGE),
    Route("DELETE", "/skerry/stacks/{ref}", remove, access=_CHANGE),
    Route("GET", "/skerry/stacks/{ref}/releases", releases, access=_SEE_RELEASES),
    Route("GET", "/skerry/stacks/{ref}/releases/{number}", release, access=_SEE_RELEASES),
    Route(
        "GET",
        "/skerry/stacks/{ref}/progress",
        follow,
        query={"release": NUMBER, "of": TEXT},
        access=_SEE_RELEASES,
    ),
    Route("POST", "/skerry/stacks/{ref}/stop", stop, access=_CHANGE),
    Route("POST", "/skerry/stacks/{ref}/start", start, access=_CHANGE),
    Route(
        "POST",
        "/skerry/stacks/{ref}/rollback",
        roll_back,
        query={"to": NUMBER, "plan": BOOL, "atomic": BOOL},
        access=of("stack", Deploy.RETURN),
    ),
]
