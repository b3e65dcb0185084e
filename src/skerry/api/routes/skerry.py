"""What skerry alone has: its view of itself for `skerry status`, backups, and what `skerry migrate` needs."""

from __future__ import annotations

import asyncio
import base64
from typing import Literal, cast

import structlog
from aiohttp import web

from skerry.api import overview
from skerry.api.call import Call
from skerry.api.query import FLAG, TEXT
from skerry.api.responses import json_response
from skerry.api.route import Route, Table
from skerry.api.wire import cluster
from skerry.api.wire import services as wire
from skerry.backup.request import FREEZE_S, BackupRequest
from skerry.control import secrets
from skerry.control.access import require_swarm
from skerry.control.scope.disclosure import sees
from skerry.control.scope.endpoint_access import ADMIN_ONLY, Deploy, of
from skerry.core.draft import NOTHING_TO_DO, UNDER_WAY
from skerry.core.stopped import words_of
from skerry.core.why.answer import Scene
from skerry.model.defaults import SECOND
from skerry.model.errors import Forbidden, InvalidParameter, Unavailable
from skerry.model.objects import Note, Raw, Service
from skerry.model.times import duration, in_words, timestamp

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
    scene = Scene(
        call.view,
        deps.clock(),
        {},
        about.get("conditions", ()),
        lambda service: sees(call.role, call.view, service),
    )
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
    lacks = not service["job"] and not service["stopped"] and service["running"] < service["desired"]
    return (lacks or service["update"] in UNDER_WAY) and service["note"] not in ("", NOTHING_TO_DO)


def _problems(service: Raw) -> list[str]:
    """What is not as the user wants it, in words."""
    if service["stopped"]:
        return []
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
        "stopped": words_of(service),
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
    if call.caller.uid != 0:
        raise Forbidden("the content of a secret is told to root alone")
    secret = secrets.look_up(call.view, call.ref)
    log.info("secret revealed", name=secret.name, pid=call.caller.pid)
    return json_response({"Data": base64.b64encode(secret.data).decode()})


async def backup(call: Call) -> web.StreamResponse:
    """A backup as one tar, which begins with what is in it. Its key of secrets is told to root alone."""
    from skerry.archive.pack import packed  # tarfile comes with it: not before a backup is taken

    request = _backup_request(call)
    if request.key == "yes" and call.caller.uid != 0:
        raise Forbidden("the key of secrets is told to root alone: without it, add --without-key")
    if call.deps.backup is None:
        raise Unavailable("no backups are taken here")
    async with call.deps.backup(request) as taken:
        log.info("backup taken", key=taken.manifest.has_key, pid=call.caller.pid)
        answer = web.StreamResponse(headers={"Content-Type": "application/x-tar"})
        await answer.prepare(call.request)
        pieces = packed(taken.manifest, taken.folder)
        while piece := await asyncio.to_thread(next, pieces, b""):
            await answer.write(piece)
        await answer.write_eof()
    return answer


def _backup_request(call: Call) -> BackupRequest:
    """What is to be in the backup, from the query. Raises InvalidParameter."""
    key, freeze = call.query.text("key"), call.query.text("freeze")
    try:
        freeze_s = duration(freeze) / SECOND if freeze else FREEZE_S
    except ValueError as error:
        raise InvalidParameter(f"invalid value for freeze: {error}") from error
    if key not in ("", "yes", "no"):
        raise InvalidParameter(f"invalid value for key: {key}: yes or no is meant")
    return BackupRequest(
        tuple(name for name in call.query.text("stacks").split(",") if name),
        volumes=call.query.flag("volumes"),
        images=call.query.flag("images"),
        quiesce=call.query.flag("quiesce"),
        freeze_s=freeze_s,
        key=cast(Literal["", "yes", "no"], key),
    )


_BACKUP = {"stacks": TEXT, "volumes": FLAG, "images": FLAG, "quiesce": FLAG, "freeze": TEXT, "key": TEXT}

ROUTES: Table = [
    Route("GET", "/skerry/status", status, access=of("status", Deploy.LIST)),
    Route("GET", "/skerry/backup", backup, query=_BACKUP, access=ADMIN_ONLY),
    Route("POST", "/skerry/secrets/{ref}/reveal", reveal, access=ADMIN_ONLY),
]
