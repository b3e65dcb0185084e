"""`skerry events`: what happened to the swarm, in words, as lines of JSON."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from aiohttp import web

from skerry.api.call import Call
from skerry.api.query import FLAG, TEXT
from skerry.api.route import Route, Table
from skerry.api.wanted import lines_begun, wanted_instant
from skerry.control.access import require_swarm
from skerry.control.scope.disclosure import shows_happening
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.model.event import Event
from skerry.model.objects import Raw
from skerry.model.times import timestamp


async def events(call: Call) -> web.StreamResponse:
    """Those that are kept and wanted, oldest first; then, if followed, what comes, for as long as the client
    stays."""
    require_swarm(call.view)
    takes, follow, tail = _filter(call), call.query.flag("follow"), call.query.text("tail")
    response = await lines_begun(call)
    async with call.deps.chronicle.follow() as coming:
        past = await call.deps.chronicle.past()
        wanted = [event for event in past if takes(event)]
        for event in wanted[-int(tail) :] if tail.isdecimal() and int(tail) else wanted:
            await response.write(_encoded(event))
        known = set(past)  # what comes in between is in both
        while follow and (event_or_end := await coming.get()) is not None:
            if takes(event_or_end) and event_or_end not in known:
                await response.write(_encoded(event_or_end))
    return response


def _filter(call: Call) -> Callable[[Event], bool]:
    """What the query asks for: about whom, of which kinds, since when, troubles alone."""
    names, kinds = _words(call.query.text("of")), _words(call.query.text("kind"))
    since, until = wanted_instant(call, "since"), wanted_instant(call, "until")
    troubles = call.query.flag("trouble")

    def takes(event: Event) -> bool:
        about = not names or bool(names & {event.subject, event.service, event.stack})
        when = since <= event.at and (not until or event.at <= until)
        wanted = about and when and (not kinds or event.kind in kinds) and (event.trouble or not troubles)
        return wanted and shows_happening(call.role, event, call.view)

    return takes


def _words(text: str) -> set[str]:
    return {word for word in text.split(",") if word}


def _encoded(event: Event) -> bytes:
    row: Raw = {"time": timestamp(event.at), **msgspec.to_builtins(event)}
    del row["at"]
    return msgspec.json.encode(row) + b"\n"


_QUERY = {
    **dict.fromkeys(("of", "kind", "since", "until", "tail"), TEXT),
    **dict.fromkeys(("follow", "trouble"), FLAG),
}

ROUTES: Table = [Route("GET", "/skerry/events", events, query=_QUERY, access=of("chronicle", Deploy.LIST))]
