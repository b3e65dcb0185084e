"""/events: the engine's stream and the swarm's own events, as one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from skerry.api import disguise
from skerry.api.call import Call
from skerry.api.eventfilter import passes
from skerry.api.filters import Filters
from skerry.api.query import TEXT, Parameter
from skerry.api.route import Route, Table
from skerry.api.upstream import Stream
from skerry.control.scope.disclosure import shows_event
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.engine.port import EngineUnreachable
from skerry.engine.streams import json_lines
from skerry.model.defaults import SECOND
from skerry.model.errors import InvalidParameter, SkerryError
from skerry.model.go import strconv, timestamps
from skerry.model.objects import Raw


async def events(call: Call) -> web.StreamResponse:
    """What happened since `since`, then what happens until `until` or the client hangs up."""
    filters = call.filters()
    now = call.deps.clock()
    since, until = _instant(call, "since"), _instant(call, "until")
    if since is not None and until is not None and until < since:
        raise InvalidParameter(
            f"`since` time ({call.query.text('since')}) cannot be after `until` time "
            f"({call.query.text('until')})"
        )
    async with call.feed.subscribe() as queue:
        past = await _past(call, filters, since, min(now, until or now)) if since is not None else []
        if until is not None and until <= now:
            response = await _open(call)
            await _write(response, past)
            return response
        # The engine's part is asked from the same instant on which the past ended, so nothing is missed.
        query = _query(filters, since=now + 1 if since is not None else None, until=until)
        async with call.upstream.stream("GET", f"{call.prefix}/events{query}") as stream:
            if stream.status != 200:
                return web.Response(status=stream.status, body=await stream.read(), headers=_type(stream))
            response = await _open(call, stream)
            await _write(response, past)
            last = now if since is not None else 0
            await _both(call, response, stream, queue, filters, last, until)
    return response


def _type(stream: Stream) -> dict[str, str]:
    return {"Content-Type": stream.headers.get("Content-Type", "application/json")}


async def _open(call: Call, stream: Stream | None = None) -> web.StreamResponse:
    response = web.StreamResponse()
    own = "application/jsonl" if call.at_least("1.52") else "application/json"
    response.headers["Content-Type"] = own if stream is None else stream.headers.get("Content-Type", own)
    await response.prepare(call.request)
    return response


def _instant(call: Call, name: str) -> int | None:
    """`1795448028.517` or RFC 3339 as nanoseconds. Raises as the engine does."""
    text = call.query.text(name)
    if not text:
        return None
    try:
        return timestamps.parse(text)
    except strconv.NumError as error:
        raise SkerryError(str(error)) from error


def _query(filters: Filters, since: int | None, until: int | None) -> str:
    """The engine's query, without what it knows by other names: our networks, the images of tasks."""
    query = {}
    own = Filters((key, values) for key, values in filters.items() if key not in ("network", "image"))
    if own:
        query["filters"] = own.render()
    for name, at in (("since", since), ("until", until)):
        if at is not None:
            query[name] = f"{at // SECOND}.{at % SECOND:09d}"
    return f"?{urlencode(query)}" if query else ""


async def _past(call: Call, filters: Filters, since: int, until: int) -> list[Raw]:
    """Everything that both remember between two instants, in the order of time."""
    response = await call.ask("GET", "/events" + _query(filters, since, until))
    if response.status != 200:
        raise response.error
    theirs = [msgspec.json.decode(line) for line in response.body.splitlines() if line.strip()]
    theirs = [disguise.event(call.view, event) for event in theirs]
    ours = [event for event in call.feed.past if since <= event["timeNano"] <= until]
    events = [event for event in [*theirs, *ours] if _is_wanted(call, event, filters)]
    return sorted(events, key=lambda event: int(event.get("timeNano", 0)))


def _is_wanted(call: Call, event: Raw, filters: Filters) -> bool:
    """Whether an event passes the filters, whoever asks may see it, and it is about nothing hidden."""
    return (
        not disguise.is_inner(event) and passes(event, filters) and shows_event(call.role, event, call.view)
    )


async def _write(response: web.StreamResponse, events: list[Raw]) -> None:
    if events:
        await response.write(b"".join(msgspec.json.encode(event) + b"\n" for event in events))


async def _both(
    call: Call,
    response: web.StreamResponse,
    stream: Stream,
    queue: asyncio.Queue[Raw | None],
    filters: Filters,
    last: int,
    until: int | None,
) -> None:
    """Copy both live streams until the engine's ends; `last` is what was already told of the swarm's."""

    async def engine() -> None:
        with suppress(EngineUnreachable):  # the engine was stopped: the stream is over, as with Docker
            async for event in json_lines(stream.chunks):
                shown = disguise.event(call.view, event)
                if _is_wanted(call, shown, filters):
                    await _write(response, [shown])

    async def own() -> None:
        while (event := await queue.get()) is not None:
            shown_before = event["timeNano"] <= last
            in_time = until is None or event["timeNano"] <= until
            if not shown_before and in_time and _is_wanted(call, event, filters):
                await _write(response, [event])

    copying = [
        asyncio.create_task(engine(), name="events: engine"),
        asyncio.create_task(own(), name="events: own"),
    ]
    try:
        await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in copying:
            task.cancel()
        for result in await asyncio.gather(*copying, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result


ROUTES: Table = [
    Route(
        "GET",
        "/events",
        events,
        query={"filters": Parameter("filters", malformed=500), "since": TEXT, "until": TEXT},
        access=of("event", Deploy.LIST),
    )
]
