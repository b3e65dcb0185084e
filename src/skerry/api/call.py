"""One request, with what a route needs to answer it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import msgspec
from aiohttp import web

from skerry.api import engine_versions, filters, mediatype, request_body
from skerry.api.deps import ApiDeps
from skerry.api.filters import Filters
from skerry.api.query import Query
from skerry.api.swarm_events import Feed
from skerry.api.upstream import EngineFacts, Upstream
from skerry.control import registries
from skerry.control.registries import Credentials
from skerry.control.scope.role import ADMIN, Role
from skerry.core.view import View
from skerry.engine.http import Response
from skerry.engine.pulse import Pulse
from skerry.model.api_version import Version, read_version
from skerry.model.caller import NOBODY, Caller
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw
from skerry.store.store import Store

DEPS = web.AppKey("parts", ApiDeps)
UPSTREAM = web.AppKey("upstream", Upstream)
FEED = web.AppKey("feed", Feed)
PULSE = web.AppKey("pulse", Pulse)
CALLER = web.RequestKey("caller", Caller)
NAMED = web.RequestKey("named", str)
"""What the body calls the object that it is about."""
REFUSED = web.RequestKey("refused", str)
"""Why whoever asks may not."""

BODY_TIMEOUT_S = 15
"""So long may the body of a request take that is not the engine's alone."""

_PREFIX = re.compile(r"/v[0-9.]+(?=/)")


@dataclass(frozen=True)
class Call:
    """A request with its parts; `version` is the API version that it speaks."""

    request: web.Request
    deps: ApiDeps
    upstream: Upstream
    facts: EngineFacts
    version: Version
    query: Query
    shape: str
    """Go's name of the body's type."""
    role: Role = ADMIN
    """What whoever asks may do."""
    meant: str = ""
    """The ID of the object in the path, where the role had to be held against it."""

    @property
    def store(self) -> Store:
        """The swarm's state, for operations."""
        return self.deps.store

    @property
    def view(self) -> View:
        """The swarm's state at this moment."""
        return self.deps.store.view

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
        return self.meant or self.request.match_info["ref"]

    @property
    def path(self) -> str:
        """The path without the version of the API."""
        return self.request.path.removeprefix(self.prefix)

    @property
    def caller(self) -> Caller:
        """Who asks."""
        caller: Caller = self.request.get(CALLER, NOBODY)
        return caller

    def at_least(self, version: str) -> bool:
        """Whether the client speaks this version of the API or a newer one."""
        return self.version >= read_version(version)

    def filters(self) -> Filters:
        """The filters; a key that the endpoint does not declare is refused, where it declares any."""
        declared = self.query.declared["filters"]
        sent_filters = filters.parse(self.query.text("filters"), self.facts, declared.malformed)
        if declared.keys:
            sent_filters.check(declared.keys, self.facts)
        return sent_filters

    async def read(self) -> bytes:
        """The body. One that does not end is refused: its sender has gone, or sent a wrong length."""
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self.request.read()
        except TimeoutError:
            raise InvalidParameter("unexpected EOF") from None

    async def body(self) -> Raw:
        """The body, read as its endpoint declares it and checked."""
        data = await self.read()
        if self.facts.has(engine_versions.BODIES):
            mediatype.check(self.request.headers.get("Content-Type", ""), data)
        body = request_body.body(data, self.shape, self.facts, self.version)
        self.request[NAMED] = str(body.get("Name", ""))
        return body

    @property
    def auth(self) -> str:
        """The registry credentials, encoded as the client sent them."""
        return self.request.headers.get("X-Registry-Auth", "")

    @property
    def credentials(self) -> Credentials:
        """The same for a whole stack: one for all its images, or one for each of their registries."""
        return registries.checked(self.auth, self.request.headers.get("X-Registry-Config", ""))

    @property
    def prefix(self) -> str:
        """`/v1.41` as in the request, or nothing."""
        match = _PREFIX.match(self.request.raw_path)
        return match.group(0) if match else ""

    async def ask(self, method: str, target: str, body: Raw | bytes | None = None) -> Response:
        """Ask the engine something, in the client's API version; the answer whatever its status."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = msgspec.json.encode(body) if isinstance(body, dict) else body
        return await self.upstream.request(method, self.prefix + target, data, headers)

    async def forward(self, target: str | None = None, body: bytes | None = None) -> Response:
        """The same request to the engine: another target (unversioned) or body where given."""
        target = self.request.raw_path if target is None else self.prefix + target
        names = ("Content-Type", "X-Registry-Auth", "X-Registry-Config", "User-Agent")
        headers = {name: self.request.headers[name] for name in names if name in self.request.headers}
        data = await self.read() if body is None else body
        return await self.upstream.request(self.request.method, target, data or None, headers)
