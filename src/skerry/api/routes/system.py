"""/info and /_ping: the engine's own answers, with this machine's part in the swarm."""

from __future__ import annotations

from aiohttp import web

from skerry.api import engine_versions
from skerry.api.call import Call, relay
from skerry.api.disguise import Disguise
from skerry.api.endpoint import Endpoint, Table
from skerry.api.errors import answer
from skerry.api.wire import cluster as wire
from skerry.model.objects import Raw


async def info(call: Call) -> web.Response:
    """The engine's /info with `.Swarm` replaced, and `overlay` among its network drivers."""
    told = await call.forward()
    if told.status != 200:
        return relay(told)
    found: Raw = told.json
    plugins = dict(found.get("Plugins") or {})
    plugins["Network"] = sorted({*(plugins.get("Network") or ()), "overlay"})
    return answer({**found, "Plugins": plugins, "Swarm": wire.local_info(call.view)})


async def disk_usage(call: Call) -> web.Response:
    """The engine's /system/df, its containers as they look elsewhere."""
    told = await call.forward()
    found: Raw | None = told.json if told.status == 200 else None
    if not found or not found.get("Containers"):
        return relay(told)
    looks = Disguise.of(call)
    return answer({**found, "Containers": [looks.row(row) for row in found["Containers"]]})


async def ping(call: Call) -> web.Response:
    """The engine's own ping, so that a dead engine shows, and the state of the swarm."""
    told = await call.pulse.ping(call.request.method, call.forward)
    response = relay(told)
    for name in ("Builder-Version", "Cache-Control", "Pragma"):
        if name in told.headers:
            response.headers[name] = told.headers[name]
    if call.facts.has(engine_versions.SWARM_IN_PING):
        state = wire.local_state(call.view)
        response.headers["Swarm"] = "active/manager" if state == "active" else state
    return response


ENDPOINTS: Table = [
    Endpoint("GET", "/info", info),
    Endpoint("GET", "/system/df", disk_usage),
    Endpoint("GET", "/_ping", ping),
    Endpoint("HEAD", "/_ping", ping),
]
