"""What the requests of the skerry command have in common: instants, and answers that are lines of JSON."""

from __future__ import annotations

from aiohttp import web

from skerry.api.call import Call
from skerry.api.instants import moment
from skerry.model.errors import InvalidParameter


def wanted_instant(call: Call, name: str) -> int:
    """The instant (ns) of a parameter: `10m` before now, a date, seconds since the epoch; 0 where there
    is none.
    Raises InvalidParameter."""
    text = call.query.text(name)
    try:
        return moment(text, call.deps.clock()) if text else 0
    except (ValueError, OverflowError) as error:
        raise InvalidParameter(
            f"{name}: {text[:40]} is no instant: something like 10m or 2026-11-28T12:00:00Z is meant"
        ) from error


async def lines_begun(call: Call) -> web.StreamResponse:
    """An answer that goes on as lines of JSON."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(call.request)
    return response
