"""/info and /_ping: the engine's own answers, with this machine's part in the swarm."""

from __future__ import annotations

from aiohttp import web

from skerry.api import engine_versions
from skerry.api.call import Call
from skerry.api.disguise import Disguise, is_holder
from skerry.api.responses import json_response, relay
from skerry.api.route import Route, Table
from skerry.api.wire import cluster as wire
from skerry.control.scope.endpoint_access import EVERYBODY, Deploy, of
from skerry.model.objects import Raw

_COUNTS = ("Containers", "ContainersStopped")
"""Where the engine counts containers that never ran."""


async def info(call: Call) -> web.Response:
    """The engine's /info with `.Swarm` replaced, and `overlay` among its network drivers."""
    response = await call.forward()
    if response.status != 200:
        return relay(response)
    engine_info: Raw = response.json
    plugins = dict(engine_info.get("Plugins") or {})
    plugins["Network"] = sorted({*(plugins.get("Network") or ()), "overlay"})
    hidden = len(call.deps.kept_images.holders)
    counts = {name: max(engine_info[name] - hidden, 0) for name in _COUNTS if name in engine_info}
    return json_response({**engine_info, **counts, "Plugins": plugins, "Swarm": wire.local_info(call.view)})


async def disk_usage(call: Call) -> web.Response:
    """The engine's /system/df, its containers as they look elsewhere."""
    response = await call.forward()
    usage: Raw | None = response.json if response.status == 200 else None
    if not usage or not usage.get("Containers"):
        return relay(response)
    disguise = Disguise.of(call)
    shown = [disguise.row(row) for row in usage["Containers"] if not is_holder(row.get("Labels"))]
    return json_response({**usage, "Containers": shown})


async def ping(call: Call) -> web.Response:
    """The engine's own ping, so that a dead engine shows, and the state of the swarm."""
    response = await call.pulse.ping(call.request.method, call.forward)
    relayed = relay(response)
    for name in ("Builder-Version", "Cache-Control", "Pragma"):
        if name in response.headers:
            relayed.headers[name] = response.headers[name]
    if call.facts.has(engine_versions.SWARM_IN_PING):
        state = wire.local_state(call.view)
        relayed.headers["Swarm"] = "active/manager" if state == "active" else state
    return relayed


ROUTES: Table = [
    Route("GET", "/info", info, access=EVERYBODY),
    Route("GET", "/system/df", disk_usage, access=of("", Deploy.NOTHING, read=True)),
    Route("GET", "/_ping", ping, access=EVERYBODY),
    Route("HEAD", "/_ping", ping, access=EVERYBODY),
]
