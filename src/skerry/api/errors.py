"""From errors to answers: the one place where an exception becomes a status and a `{"message"}`."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from skerry.model.errors import SkerryError

log = structlog.get_logger()


def answer(value: Any, status: int = 200) -> web.Response:
    """A JSON answer as Docker writes them: no charset, a newline at the end."""
    return web.Response(
        body=msgspec.json.encode(value) + b"\n", status=status, content_type="application/json"
    )


def problem(status: int, message: str) -> web.Response:
    """An error's answer."""
    return answer({"message": message}, status)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what a route raises into Docker's answer for it."""
    try:
        return await handler(request)
    except SkerryError as error:
        return problem(error.status, error.message)
    except msgspec.ValidationError as error:
        return problem(400, f"invalid JSON: {error}")
    except web.HTTPException as error:
        if error.status in (404, 405):
            return problem(404, "page not found")
        return problem(error.status, error.reason)
    except ConnectionError:
        raise  # the client is gone: there is nobody to tell
    except Exception as error:  # the edge: a bug is a 500, not a lost connection
        log.exception("request failed", method=request.method, path=request.path)
        return problem(500, f"internal error: {type(error).__name__}: {error}")
