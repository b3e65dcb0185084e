"""One request, with what a route needs to answer it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from skerry.api import decode, engine_versions, filters, mediatype
from skerry.api.deps import Parts
from skerry.api.engine_versions import Version
from skerry.api.errors import answer
from skerry.api.filters import Filters
from skerry.api.pulse import Pulse
from skerry.api.swarm_events import Feed
from skerry.api.upstream import Answer, Facts, Upstream, read_version
from skerry.core.view import View
from skerry.engine.port import EngineError
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw
from skerry.store.store import Store

PARTS = web.AppKey("parts", Parts)
UPSTREAM = web.AppKey("upstream", Upstream)
FEED = web.AppKey("feed", Feed)
PULSE = web.AppKey("pulse", Pulse)

BODY_TIMEOUT_S = 15
"""So long may the body of a request take that is not the engine's alone."""

NO_TYPE = "skerry/none"
"""A Content-Type that is taken off before the answer goes out, where Docker sends none."""

_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_FALSE = {"0", "f", "F", "FALSE", "false", "False"}
_PREFIX = re.compile(r"/v[0-9.]+(?=/)")


@dataclass(frozen=True)
class Call:
    """A request with its parts; `version` is the API version that it speaks."""

    request: web.Request
    parts: Parts
    upstream: Upstream
    facts: Facts
    version: Version

    @property
    def store(self) -> Store:
        """The swarm's state, for operations."""
        return self.parts.store

    @property
    def view(self) -> View:
        """The swarm's state at this moment."""
        return self.parts.store.view

    @property
    def feed(self) -> Feed:
        """The swarm's own events."""
        return self.request.app[FEED]

    @property
    def pulse(self) -> Pulse:
        """The engine's answers to pings."""
        return self.request.app[PULSE]

    @property
    def ref(self) -> str:
        """The ID or name in the path."""
        return self.request.match_info["ref"]

    def at_least(self, version: str) -> bool:
        """Whether the client speaks this version of the API or a newer one."""
        return self.version >= read_version(version)

    def text(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query.get(name, default)

    def lenient(self, name: str) -> bool:
        """A boolean of the forgiving kind: anything but empty, 0, no, false and none is true."""
        return self.text(name).strip().lower() not in ("", "0", "no", "false", "none")

    def strict(self, name: str, *, brief: bool = False) -> bool:
        """A boolean as Go's ParseBool reads it. Raises InvalidParameter; `brief` leaves out why."""
        value = self.text(name)
        if value in _TRUE:
            return True
        if value in _FALSE or not value:
            return False
        why = "" if brief else f': strconv.ParseBool: parsing "{value}": invalid syntax'
        raise InvalidParameter(f"invalid value for {name}: {value}{why}")

    def filters(self, accepted: Iterable[str]) -> Filters:
        """The filters, of which only the accepted keys may be there.

        What is no JSON was a plain error up to 20.10, but for the list of services.
        """
        found = self.any_filters(400 if self.request.path.endswith("/services") else 500)
        filters.check(found, accepted, self.facts)
        return found

    def any_filters(self, status: int = 400) -> Filters:
        """The filters, whatever their keys; older engines answer `status` to what is none."""
        return filters.parse(self.text("filters"), self.facts, status)

    async def read(self) -> bytes:
        """The body. One that does not end is refused: its sender has gone, or sent a wrong length."""
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self.request.read()
        except TimeoutError:
            raise InvalidParameter("unexpected EOF") from None

    async def body(self, shape: str) -> Raw:
        """The body with its keys in Docker's case; `shape` is Go's name of its type."""
        data = await self.read()
        if self.facts.has(engine_versions.BODIES):
            mediatype.check(self.request.headers.get("Content-Type", ""), data)
        return decode.body(data, shape, self.facts)

    @property
    def auth(self) -> str:
        """The registry credentials, encoded as the client sent them."""
        return self.request.headers.get("X-Registry-Auth", "")

    @property
    def prefix(self) -> str:
        """`/v1.41` as in the request, or nothing."""
        found = _PREFIX.match(self.request.raw_path)
        return found.group(0) if found else ""

    async def ask(self, method: str, target: str, body: Raw | bytes | None = None) -> Answer:
        """Ask the engine something, in the client's API version; the answer whatever its status."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = msgspec.json.encode(body) if isinstance(body, dict) else body
        return await self.upstream.request(method, self.prefix + target, data, headers)

    async def forward(self, target: str | None = None, body: bytes | None = None) -> Answer:
        """The same request to the engine: another target (unversioned) or body where given."""
        wanted = self.request.raw_path if target is None else self.prefix + target
        kept = ("Content-Type", "X-Registry-Auth", "X-Registry-Config", "User-Agent")
        headers = {name: self.request.headers[name] for name in kept if name in self.request.headers}
        data = await self.read() if body is None else body
        return await self.upstream.request(self.request.method, wanted, data or None, headers)


Route = Callable[[Call], Awaitable[web.StreamResponse]]
Table = list[tuple[str, str, Route]]


def relay(told: Answer) -> web.Response:
    """The engine's answer, as it is."""
    response = web.Response(body=told.body, status=told.status)
    if "Content-Type" in told.headers:
        response.headers["Content-Type"] = told.headers["Content-Type"]
    return response


def relay_json(told: Answer, value: object) -> web.Response:
    """The engine's answer with another body."""
    return answer(value, told.status)


def refused(told: Answer) -> EngineError:
    """The engine's refusal as an error."""
    body = told.json if told.headers.get("Content-Type", "").startswith("application/json") else None
    message = body.get("message", "") if isinstance(body, dict) else told.body.decode("utf-8", "replace")
    return EngineError(told.status, message)


def empty(status: int = 200) -> web.Response:
    """An answer without a body."""
    return web.Response(status=status)
