"""The application: every route that is not the engine's alone, behind one gate for versions and errors."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.typedefs import Handler

from skerry.api.call import CALLER, DEPS, FEED, NAMED, PULSE, REFUSED, UPSTREAM, Call
from skerry.api.deps import ApiDeps
from skerry.api.door.connection import Connection
from skerry.api.door.guard import GUARD
from skerry.api.guardian import CUT_OFF, Guardian
from skerry.api.openapi import description
from skerry.api.query import Query
from skerry.api.request_body import invalid
from skerry.api.responses import NO_TYPE, errors, json_response
from skerry.api.route import Route, Table
from skerry.api.routes import (
    configs_and_secrets,
    containers,
    distribution,
    events,
    forgetting,
    joining,
    logs,
    networks,
    nodes,
    plain_logs,
    prune,
    revisions,
    services,
    skerry,
    stacks,
    swarm,
    system,
    tasks,
    told_events,
    users,
    volumes,
    why,
)
from skerry.api.swarm_events import Feed
from skerry.api.upstream import OLDEST, EngineFacts, Upstream, version_numbers
from skerry.control.mismatch import Mismatch
from skerry.engine.pulse import Pulse
from skerry.model.api_version import Version, read_version
from skerry.model.caller import NOBODY, Caller
from skerry.model.errors import InvalidParameter

BODY_LIMIT = 64 * 1024 * 1024
"""The longest body of an owned request, in bytes; the engine's own have no limit here."""

FACTS = web.RequestKey("facts", EngineFacts)
GUARDIAN = web.AppKey("guardian", Guardian)

ROUTES: Table = [
    *system.ROUTES,
    *services.ROUTES,
    *prune.ROUTES,
    *networks.ROUTES,
    *joining.ROUTES,
    *configs_and_secrets.ROUTES,
    *tasks.ROUTES,
    *swarm.ROUTES,
    *nodes.ROUTES,
    *logs.ROUTES,
    *containers.ROUTES,
    *distribution.ROUTES,
    *events.ROUTES,
    *volumes.ROUTES,
    *skerry.ROUTES,
    *stacks.ROUTES,
    *revisions.ROUTES,
    *forgetting.ROUTES,
    *users.ROUTES,
    *why.ROUTES,
    *plain_logs.ROUTES,
    *told_events.ROUTES,
]
"""aiohttp tries them in order, so what the CLI asks most comes first: a ping with each command."""


def make_app(deps: ApiDeps) -> web.Application:
    """The API over these parts; serve it behind `frontdoor.serve`."""
    app = web.Application(middlewares=[_audited, errors, _facts], client_max_size=BODY_LIMIT)
    app[DEPS] = deps
    app[GUARDIAN] = app[GUARD] = Guardian(deps.store, deps.clock, deps.audit)
    app[UPSTREAM] = Upstream(deps.engine.wire, deps.engine_version)
    app[PULSE] = Pulse(deps.engine.socket)
    app[FEED] = Feed(deps.store, deps.health, deps.clock, app[UPSTREAM])
    app.cleanup_ctx.append(_running)
    app.on_response_prepare.append(_dress)
    app.router.add_get("/openapi.json", _describe)
    for route in ROUTES:
        handler = _handler(route)
        for prefix in ("", "/v{version:[0-9.]+}"):
            app.router.add_route(route.method, prefix + route.path, handler)
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    async with app[FEED].running():
        yield
    app[PULSE].close()


@web.middleware
async def _audited(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep who asked what, and what came of it."""
    request[CALLER] = _caller(request)
    status = CUT_OFF
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        path = request.path.removeprefix(f"/v{request.match_info.get('version', '')}")
        refused, name = request.get(REFUSED, ""), request.get(NAMED, "")
        request.app[GUARDIAN].note(
            request[CALLER], request.method, path, status, request.query, refused, name
        )


def _caller(request: web.Request) -> Caller:
    """Who is at the other end; nobody where that has hung up already."""
    connection = request.transport.get_protocol() if request.transport is not None else None
    return connection.caller if isinstance(connection, Connection) else NOBODY


@web.middleware
async def _facts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Learn what the engine says of itself, for the gate and for the headers of every answer."""
    request[FACTS] = await request.app[UPSTREAM].facts()
    return await handler(request)


async def _dress(request: web.Request, response: web.StreamResponse) -> None:
    """Docker's headers on every answer of a route that exists."""
    facts = request.get(FACTS)
    if facts is None:
        return
    if response.status == 404 and request.match_info.http_exception is not None:
        response.headers["Server"] = facts.server
        return
    if response.headers.get("Content-Type") == NO_TYPE:
        del response.headers["Content-Type"]
    for name, value in facts.headers().items():
        response.headers[name] = value


async def _describe(request: web.Request) -> web.Response:
    """What is served here, in OpenAPI's words."""
    return json_response(description(ROUTES))


def _handler(route: Route) -> Handler:
    """A route's way from the bytes to the answer: what the caller may do is looked at before the handler
    runs, and what the answer shows after it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        facts = request[FACTS]
        version = gate(request.match_info.get("version"), facts)
        query = Query(route.query, request.query, version)
        deps, upstream, guardian = request.app[DEPS], request.app[UPSTREAM], request.app[GUARDIAN]
        call = Call(request, deps, upstream, facts, version, query, route.body)
        try:
            call = await guardian.admit(call, route.access)
            return guardian.shown(call, route.access, await route.handle(call))
        except Mismatch as error:
            raise invalid(error.words(facts.go), facts) from error

    return handle


def gate(requested: str | None, facts: EngineFacts) -> Version:
    """The version that a request speaks; without one, the newest. Raises InvalidParameter out of range."""
    newest = read_version(facts.api_version)
    if requested is None:
        return newest
    numbers = version_numbers(requested)
    if numbers > newest + (0,) * (len(numbers) - 2):
        raise InvalidParameter(
            f"client version {requested} is too new. Maximum supported API version is {facts.api_version}"
        )
    oldest = max(OLDEST, read_version(facts.oldest))
    if numbers < oldest:
        least = ".".join(map(str, oldest))
        raise InvalidParameter(
            f"client version {requested} is too old. Minimum supported API version is {least}, "
            "please upgrade your client to a newer version"
        )
    return numbers[0], numbers[1]
