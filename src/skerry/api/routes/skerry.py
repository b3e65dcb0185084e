"""What skerry alone has: its own view of itself, for `skerry status`, and what `skerry migrate` needs."""

from __future__ import annotations

import base64
import socket
import struct

import structlog
from aiohttp import web

from skerry.api import overview
from skerry.api.call import Call
from skerry.api.responses import json_response
from skerry.api.route import Route, Table
from skerry.api.wire import cluster
from skerry.api.wire import services as wire
from skerry.control import secrets
from skerry.control.access import require_swarm
from skerry.core.draft import NOTHING_TO_DO, UNDER_WAY
from skerry.core.why.answer import Scene
from skerry.model.errors import Forbidden
from skerry.model.objects import Note, Raw, Service
from skerry.model.times import in_words, timestamp

log = structlog.get_logger()


async def status(call: Call) -> web.Response:
    """The daemon, its engine, the swarm, and the last decision about each service."""
    deps = call.deps
    about = deps.about()
    swarm_state = cluster.local_state(call.view)
    ordered = sorted(call.view.services.values(), key=lambda service: service.name)
    services = [_service(call, service) for service in ordered]
    problems = [*about.get("conditions", ()), *(["the swarm is locked"] if swarm_state == "locked" else [])]
    problems += [problem for service in services for problem in _problems(service)]
    scene = Scene(call.view, deps.clock(), {}, about.get("conditions", ()))
    return json_response(
        {
            **about,
            "engine_version": call.facts.server.removeprefix("Docker/").split()[0],
            "swarm": swarm_state,
            "node": overview.node(call.view),
            "stacks": overview.stacks(call.view, services),
            "services": services,
            "problems": problems,
            "now": [f"{service['name']}: {service['note']}" for service in services if _goes_on(service)],
            "attention": overview.attention(scene, about, services),
        }
    )


def _goes_on(service: Raw) -> bool:
    """Whether something is being done about a service at this moment."""
    lacks = not service["job"] and service["running"] < service["desired"]
    return (lacks or service["update"] in UNDER_WAY) and service["note"] not in ("", NOTHING_TO_DO)


def _problems(service: Raw) -> list[str]:
    """What is not as the user wants it, in words."""
    problems = []
    done = service["running"] + service["completed"]
    if done < (min(service["desired"], 1) if service["job"] else service["desired"]):
        problems.append(f"service {service['name']}: {service['running']} of {service['desired']} tasks run")
    if "paused" in service["update"]:
        problems.append(f"service {service['name']}: {service['update'].replace('_', ' ')}")
    return problems


def _service(call: Call, service: Service) -> Raw:
    """A service as `skerry status` shows it: counts, update, and the last decisions about it."""
    counts = wire.service_status(call.view, service)
    decision = call.view.decisions.get(service.id)
    now = call.deps.clock()
    notes = [_note(note, now) for note in decision.notes] if decision is not None else []
    return {
        "name": service.name,
        "running": counts["RunningTasks"],
        "desired": counts["DesiredTasks"],
        "completed": counts["CompletedTasks"],
        "job": service.is_job,
        "update": service.update.state if service.update is not None else "",
        "note": notes[-1]["text"] if notes else "",
        "notes": notes,
    }


def _note(note: Note, now: int) -> Raw:
    """A decision in words, with what is left of the wait that it speaks of."""
    left = f", {in_words(note.until - now)} left" if note.until > now else ""
    of = f" of {in_words(note.of)}" if left and note.of else ""
    return {"at": timestamp(note.at), "text": f"{note.text}{left}{of}"}


async def reveal(call: Call) -> web.Response:
    """The content of a secret, for `skerry migrate`: to root alone, and each time with a line in the log."""
    require_swarm(call.view)
    pid, uid = _peer(call.request)
    if uid != 0:
        raise Forbidden("the content of a secret is told to root alone")
    secret = secrets.find(call.view, call.ref)
    log.info("secret revealed", name=secret.name, pid=pid)
    return json_response({"Data": base64.b64encode(secret.data).decode()})


def _peer(request: web.Request) -> tuple[int, int]:
    """Process and user at the other end of the socket; user -1 where that is not known."""
    sock = request.transport.get_extra_info("socket") if request.transport is not None else None
    if sock is None or sock.family != socket.AF_UNIX:
        return 0, -1
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return pid, uid


ROUTES: Table = [
    Route("GET", "/skerry/status", status),
    Route("POST", "/skerry/secrets/{ref}/reveal", reveal),
]
