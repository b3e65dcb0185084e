"""What skerry alone has: its own view of itself, for `skerry status`, and what `skerry migrate` needs."""

from __future__ import annotations

import base64

import structlog
from aiohttp import web

from skerry.api.call import Call
from skerry.api.peer import peer
from skerry.api.responses import json_response
from skerry.api.route import Route, Table
from skerry.api.wire import cluster
from skerry.api.wire import services as wire
from skerry.control import secrets
from skerry.control.access import require_swarm
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
    return json_response(
        {
            **about,
            "engine_version": call.facts.server.removeprefix("Docker/").split()[0],
            "swarm": swarm_state,
            "services": services,
            "problems": problems,
        }
    )


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
    pid, uid = peer(call.request)
    if uid != 0:
        raise Forbidden("the content of a secret is told to root alone")
    secret = secrets.find(call.view, call.ref)
    log.info("secret revealed", name=secret.name, pid=pid)
    return json_response({"Data": base64.b64encode(secret.data).decode()})


ROUTES: Table = [
    Route("GET", "/skerry/status", status),
    Route("POST", "/skerry/secrets/{ref}/reveal", reveal),
]
