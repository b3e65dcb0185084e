"""/swarm: init, join, leave, inspect, update, unlock."""

from __future__ import annotations

from aiohttp import web

from skerry.api.call import Call, empty
from skerry.api.endpoint import Endpoint, Table
from skerry.api.errors import answer
from skerry.api.overlay import taken
from skerry.api.query import FLAG, NUMBER, Parameter
from skerry.api.wire import cluster as wire
from skerry.control import swarm
from skerry.engine.describe import describe

_ROTATIONS = ("rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey")


async def init(call: Call) -> web.Response:
    """Make a swarm of this machine; the node's ID."""
    body = await call.body()
    hostname, description = await describe(call.parts.engine)
    key = await swarm.init(
        call.store,
        body,
        hostname,
        description,
        interfaces=call.parts.interfaces(),
        taken=await taken(call),
    )
    return answer(key)


async def join(call: Call) -> web.Response:
    """Join another swarm."""
    await swarm.join(call.store, await call.body())
    return empty()


async def leave(call: Call) -> web.Response:
    """Leave the swarm; answered when its tasks and networks are gone."""
    here = call.view.node
    await swarm.leave(call.store, call.query.flag("force"))
    if here is not None:
        await call.parts.cleared(here.id)
    return empty()


async def inspect(call: Call) -> web.Response:
    """The swarm and its join tokens."""
    found = wire.cluster_info(swarm.manager(call.view))
    return answer({**found, "JoinTokens": swarm.tokens(call.view)})


async def update(call: Call) -> web.Response:
    """Change the swarm's spec or its tokens."""
    body = await call.body()
    worker, manager, unlocking = (call.query.bool(name) for name in _ROTATIONS)
    await swarm.update(call.store, call.query.number("version"), body, worker, manager, unlocking)
    return empty()


async def unlock_key(call: Call) -> web.Response:
    """The key that unlocks the swarm after a restart; empty without autolock."""
    return answer({"UnlockKey": swarm.manager(call.view).unlock_key})


async def unlock(call: Call) -> web.Response:
    """Open a swarm that is locked; answered when it is at work."""
    await swarm.unlock(call.store, await call.body())
    await call.parts.at_work()
    return empty()


ENDPOINTS: Table = [
    Endpoint("POST", "/swarm/init", init, body="swarm.InitRequest"),
    Endpoint("POST", "/swarm/join", join, body="swarm.JoinRequest"),
    Endpoint("POST", "/swarm/leave", leave, query={"force": FLAG}),
    Endpoint("GET", "/swarm", inspect),
    Endpoint(
        "POST",
        "/swarm/update",
        update,
        body="swarm.Spec",
        query={"version": NUMBER, **dict.fromkeys(_ROTATIONS, Parameter("bool", brief=True))},
    ),
    Endpoint("GET", "/swarm/unlockkey", unlock_key),
    Endpoint("POST", "/swarm/unlock", unlock, body="swarm.UnlockRequest"),
]
