"""What skerry alone has: its own view of itself, for `skerry status`."""

from __future__ import annotations

from aiohttp import web

from skerry.api.call import Call, Table
from skerry.api.errors import answer
from skerry.api.wire import services as wire
from skerry.model.objects import Raw, Service


async def status(call: Call) -> web.Response:
    """The daemon, its engine, the swarm, and the last decision about each service."""
    parts = call.parts
    services = sorted(call.view.services.values(), key=lambda service: service.name)
    return answer(
        {
            **parts.about(),
            "engine_version": call.facts.server.removeprefix("Docker/").split()[0],
            "swarm": "active" if call.view.cluster is not None else "inactive",
            "services": [_service(call, service) for service in services],
        }
    )


def _service(call: Call, service: Service) -> Raw:
    found = wire.service_status(call.view, service)
    return {
        "name": service.name,
        "running": found["RunningTasks"],
        "desired": found["DesiredTasks"],
        "note": call.parts.note(service.id),
    }


ROUTES: Table = [("GET", "/skerry/status", status)]
