"""The engine as overlaid routes need it: the client's own request asked again, its answer as bytes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from skerry.api.door.connection import engine_down
from skerry.api.engine_versions import Version
from skerry.control.mismatch import GO_OF_20_10
from skerry.engine.port import EngineUnreachable
from skerry.model.objects import Raw

LONGEST_NUMBER = 20
HIGHEST = (1 << 63) - 1
"""What Go reads a number as that is too large for it."""

OLDEST: Version = (1, 24)
"""The oldest version of the API that is served."""


def read_version(text: str) -> Version:
    """`1.41` as a pair that compares."""
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def version_numbers(text: str) -> tuple[int, ...]:
    """`1.41.0` as dockerd compares it, at least two numbers: one that is missing is 0."""
    digits = [part.lstrip("0") for part in text.split(".")]
    numbers = [min(int(part or 0), HIGHEST) if len(part) < LONGEST_NUMBER else HIGHEST for part in digits]
    return tuple(numbers + [0] * (2 - len(numbers)))


def read_go(text: str) -> Version:
    """`go1.24.4` as a pair that compares; a Go without a number is taken for a new one."""
    found = re.match(r"go(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (2, 0)


@dataclass(frozen=True)
class Facts:
    """What the engine says about itself; the front door must say the same."""

    api_version: str
    oldest: str
    server: str
    os_type: str = "linux"
    experimental: str = "false"
    go: Version = GO_OF_20_10
    """The Go that it was built with: its JSON decoder's words show."""

    def has(self, change: Version) -> bool:
        """Whether the engine is one that has a change of `changes`."""
        return read_version(self.api_version) >= change

    def headers(self) -> dict[str, str]:
        """The headers that every answer carries."""
        return {
            "Api-Version": self.api_version,
            "Docker-Experimental": self.experimental,
            "Ostype": self.os_type,
            "Server": self.server,
        }


def facts_of(version: Raw, headers: Mapping[str, str] | None = None) -> Facts:
    """Of an answer of /version."""
    headers = headers or {}
    return Facts(
        api_version=version["ApiVersion"],
        oldest=version.get("MinAPIVersion") or "1.12",
        server=headers.get("Server", f"Docker/{version['Version']} (linux)"),
        os_type=version.get("Os", "linux"),
        experimental=headers.get("Docker-Experimental", "false"),
        go=read_go(version.get("GoVersion", "go1.19")),
    )


@dataclass(frozen=True)
class Answer:
    """What the engine answered, whole."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return msgspec.json.decode(self.body) if self.body.strip() else None


class Upstream:
    """An HTTP client of the engine's socket that changes nothing on the way."""

    def __init__(self, socket: str, known: Raw | None = None) -> None:
        """`known` is what the engine last said at /version; it may not answer yet."""
        self._socket = socket
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._facts = facts_of(known) if known else None
        self._stale = True

    def _client(self, method: str) -> aiohttp.ClientSession:
        """A kept connection may have died with an engine that was restarted: only what may be asked twice
        goes by one, and aiohttp asks it again by a new one then."""
        kept = method in ("GET", "HEAD")
        if kept not in self._sessions:
            connector = aiohttp.UnixConnector(self._socket, force_close=not kept, limit=0)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
            self._sessions[kept] = aiohttp.ClientSession(
                connector=connector, timeout=timeout, auto_decompress=False, skip_auto_headers=["User-Agent"]
            )
        return self._sessions[kept]

    async def close(self) -> None:
        """Let go of its connections."""
        for session in self._sessions.values():
            await session.close()

    async def facts(self) -> Facts:
        """The engine's versions, asked once, and again when a header shows that they changed.

        While the engine is away, what it last said still holds. Raises EngineUnreachable if it never spoke.
        """
        if self._facts is None or self._stale:
            try:
                self._facts = await self._ask_facts()
                self._stale = False
            except EngineUnreachable:
                if self._facts is None:
                    raise
        return self._facts

    async def _ask_facts(self) -> Facts:
        told = await self.request("GET", "/version")
        if told.status != 200:
            raise EngineUnreachable(f"The Docker Engine at {self._socket} does not say its version")
        return facts_of(told.json, told.headers)

    @asynccontextmanager
    async def stream(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Ask and give the answer while it is still arriving. Raises EngineUnreachable."""
        url = URL("http://engine" + target, encoded=True)
        try:
            response = await self._client(method).request(method, url, data=body, headers=headers)
        except (aiohttp.ClientConnectionError, OSError) as error:
            self._stale = True
            raise EngineUnreachable(engine_down(self._socket)) from error
        async with response:
            server = response.headers.get("Server")
            if self._facts is not None and server is not None and server != self._facts.server:
                self._stale = True
            yield response

    async def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask and wait for the whole answer, whatever its status. Raises EngineUnreachable."""
        try:
            async with self.stream(method, target, body, headers) as response:
                return Answer(response.status, await response.read(), response.headers)
        except aiohttp.ClientError as error:
            raise EngineUnreachable(f"The Docker Engine broke off its answer: {error}") from error
