"""/swarm: init, join, leave, inspect, update, unlock."""

from __future__ import annotations

from aiohttp import web

from skerry.api.call import Call
from skerry.api.overlay import taken
from skerry.api.query import FLAG, NUMBER, Parameter
from skerry.api.responses import empty_response, json_response
from skerry.api.route import Route, Table
from skerry.api.wire import cluster as wire
from skerry.control import swarm
from skerry.control.access import require_swarm
from skerry.control.scope.endpoint_access import ADMIN_ONLY
from skerry.engine.describe import describe

_ROTATIONS = ("rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey")


async def init(call: Call) -> web.Response:
    """Make a swarm of this machine; the node's ID."""
    body = await call.body()
    hostname, description = await describe(call.deps.engine)
    key = await swarm.init(
        call.store,
        body,
        hostname,
        description,
        interfaces=call.deps.interfaces(),
        taken=await taken(call),
    )
    return json_response(key)


async def join(call: Call) -> web.Response:
    """Join another swarm."""
    await swarm.join(call.store, await call.body())
    return empty_response()


async def leave(call: Call) -> web.Response:
    """Leave the swarm; answered when its tasks and networks are gone."""
    here = call.view.node
    await swarm.leave(call.store, call.query.flag("force"))
    if here is not None:
        await call.deps.cleared(here.id)
    return empty_response()


async def inspect(call: Call) -> web.Response:
    """The swarm and its join tokens."""
    info = wire.cluster_info(require_swarm(call.view))
    return json_response({**info, "JoinTokens": swarm.tokens(call.view)})


async def update(call: Call) -> web.Response:
    """Change the swarm's spec or its tokens."""
    body = await call.body()
    worker, manager, unlocking = (call.query.bool(name) for name in _ROTATIONS)
    await swarm.update(call.store, call.query.number("version"), body, worker, manager, unlocking)
    return empty_response()


async def unlock_key(call: Call) -> web.Response:
    """The key that unlocks the swarm after a restart; empty without autolock."""
    return json_response({"UnlockKey": require_swarm(call.view).unlock_key})


async def unlock(call: Call) -> web.Response:
    """Open a swarm that is locked; answered when it is at work."""
    await swarm.unlock(call.store, await call.body())
    await call.deps.at_work()
    return empty_response()


ROUTES: Table = [
    Route("POST", "/swarm/init", init, body="swarm.InitRequest", access=ADMIN_ONLY),
    Route("POST", "/swarm/join", join, body="swarm.JoinRequest", access=ADMIN_ONLY),
    Route("POST", "/swarm/leave", leave, query={"force": FLAG}, access=ADMIN_ONLY),
    Route("GET", "/swarm", inspect, access=ADMIN_ONLY),
    Route(
        "POST",
        "/swarm/update",
        update,
        body="swarm.Spec",
        query={"version": NUMBER, **dict.fromkeys(_ROTATIONS, Parameter("bool", brief=True))},
        access=ADMIN_ONLY,
    ),
    Route("GET", "/swarm/unlockkey", unlock_key, access=ADMIN_ONLY),
    Route("POST", "/swarm/unlock", unlock, body="swarm.UnlockRequest", access=ADMIN_ONLY),
]
