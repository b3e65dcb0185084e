"""What skerry alone has: its own view of itself, for `skerry status`."""

from __future__ import annotations

from aiohttp import web

from skerry.api.call import Call, Table
from skerry.api.errors import answer
from skerry.api.wire import services as wire
from skerry.model.objects import Note, Raw, Service
from skerry.model.times import in_words, timestamp


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
    decision = call.view.decisions.get(service.id)
    now = call.parts.clock()
    notes = [_note(note, now) for note in decision.notes] if decision is not None else []
    return {
        "name": service.name,
        "running": found["RunningTasks"],
        "desired": found["DesiredTasks"],
        "note": notes[-1]["text"] if notes else "",
        "notes": notes,
    }


def _note(note: Note, now: int) -> Raw:
    """A decision in words, with what is left of the wait that it speaks of."""
    left = f", {in_words(note.until - now)} left" if note.until > now else ""
    of = f" of {in_words(note.of)}" if left and note.of else ""
    return {"at": timestamp(note.at), "text": f"{note.text}{left}{of}"}


ROUTES: Table = [("GET", "/skerry/status", status)]
