"""/swarm: init, join, leave, inspect, update, unlock."""

from __future__ import annotations

from aiohttp import web

from skerry.api.call import Call, Table, empty
from skerry.api.errors import answer
from skerry.api.overlay import taken
from skerry.api.wire import cluster as wire
from skerry.control import swarm
from skerry.engine.describe import describe

_NEWER = (("1.39", "DefaultAddrPool"), ("1.39", "SubnetSize"), ("1.40", "DataPathPort"))
"""Fields of the request that older versions do not have: dropped, not refused."""


async def init(call: Call) -> web.Response:
    """Make a swarm of this machine; the node's ID."""
    body = await call.body("swarm.InitRequest")
    for since, name in _NEWER:
        if not call.at_least(since):
            body.pop(name, None)
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
    await swarm.join(call.store, await call.body("swarm.JoinRequest"))
    return empty()


async def leave(call: Call) -> web.Response:
    """Leave the swarm; answered when its tasks and networks are gone."""
    here = call.view.node
    await swarm.leave(call.store, call.lenient("force"))
    if here is not None:
        await call.parts.cleared(here.id)
    return empty()


async def inspect(call: Call) -> web.Response:
    """The swarm and its join tokens."""
    found = wire.cluster_info(swarm.manager(call.view))
    return answer({**found, "JoinTokens": swarm.tokens(call.view)})


async def update(call: Call) -> web.Response:
    """Change the swarm's spec or its tokens."""
    body = await call.body("swarm.Spec")
    worker, manager, unlocking = (
        call.strict(name, brief=True)
        for name in ("rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey")
    )
    await swarm.update(call.store, call.request.query.get("version"), body, worker, manager, unlocking)
    return empty()


async def unlock_key(call: Call) -> web.Response:
    """The key that unlocks the swarm after a restart; empty without autolock."""
    return answer({"UnlockKey": swarm.manager(call.view).unlock_key})


async def unlock(call: Call) -> web.Response:
    """Open a swarm that is locked; answered when it is at work."""
    await swarm.unlock(call.store, await call.body("swarm.UnlockRequest"))
    await call.parts.at_work()
    return empty()


ROUTES: Table = [
    ("POST", "/swarm/init", init),
    ("POST", "/swarm/join", join),
    ("POST", "/swarm/leave", leave),
    ("GET", "/swarm", inspect),
    ("POST", "/swarm/update", update),
    ("GET", "/swarm/unlockkey", unlock_key),
    ("POST", "/swarm/unlock", unlock),
]
