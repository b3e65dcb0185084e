"""Responses as Docker writes them, and the one place where an exception becomes a status and a message."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from skerry.engine.http import Response
from skerry.model.errors import SkerryError

log = structlog.get_logger()


NO_TYPE = "skerry/none"
"""A Content-Type that is taken off before the answer goes out, where Docker sends none."""


def json_response(value: Any, status: int = 200) -> web.Response:
    """A JSON answer as Docker writes them: no charset, a newline at the end."""
    return web.Response(
        body=msgspec.json.encode(value) + b"\n", status=status, content_type="application/json"
    )


def empty_response(status: int = 200) -> web.Response:
    """An answer without a body."""
    return web.Response(status=status)


def relay(response: Response) -> web.Response:
    """The engine's answer, as it is."""
    relayed = web.Response(body=response.body, status=response.status)
    if "Content-Type" in response.headers:
        relayed.headers["Content-Type"] = response.headers["Content-Type"]
    return relayed


def _error(status: int, message: str) -> web.Response:
    return json_response({"message": message}, status)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a route raises into Docker's answer for it."""
    try:
        return await handler(request)
    except SkerryError as error:
        return _error(error.status, error.message)
    except msgspec.ValidationError as error:
        return _error(400, f"invalid JSON: {error}")
    except web.HTTPException as error:
        if error.status in (404, 405):
            return _error(404, "page not found")
        return _error(error.status, error.reason)
    except ConnectionError:
        raise  # the client is gone: there is nobody to tell
    except Exception as error:  # the edge: a bug is a 500, not a lost connection
        log.exception("request failed", method=request.method, path=request.path)
        return _error(500, f"internal error: {type(error).__name__}: {error}")
