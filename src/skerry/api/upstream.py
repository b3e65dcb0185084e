"""The engine as overlaid routes need it: the client's own request asked again, its answer as bytes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from yarl import URL

from skerry.control.mismatch import GO_OF_20_10
from skerry.engine.http import Response, Wire
from skerry.engine.port import EngineUnreachable, waiting_for
from skerry.model.api_version import Version, read_version
from skerry.model.objects import Raw

LONGEST_NUMBER = 20
HIGHEST = (1 << 63) - 1
"""What Go reads a number as that is too large for it."""

OLDEST: Version = (1, 24)
"""The oldest version of the API that is served."""


def version_numbers(text: str) -> tuple[int, ...]:
    """`1.41.0` as dockerd compares it, at least two numbers: one that is missing is 0."""
    digits = [part.lstrip("0") for part in text.split(".")]
    numbers = [min(int(part or 0), HIGHEST) if len(part) < LONGEST_NUMBER else HIGHEST for part in digits]
    return tuple(numbers + [0] * (2 - len(numbers)))


def read_go(text: str) -> Version:
    """`go1.24.4` as a pair that compares; a Go without a number is taken for a new one."""
    match = re.match(r"go(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (2, 0)


@dataclass(frozen=True)
class EngineFacts:
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


def facts_of(version: Raw, headers: Mapping[str, str] | None = None) -> EngineFacts:
    """Of an answer of /version."""
    headers = headers or {}
    return EngineFacts(
        api_version=version["ApiVersion"],
        oldest=version.get("MinAPIVersion") or "1.12",
        server=headers.get("Server", f"Docker/{version['Version']} (linux)"),
        os_type=version.get("Os", "linux"),
        experimental=headers.get("Docker-Experimental", "false"),
        go=read_go(version.get("GoVersion", "go1.19")),
    )


@dataclass(frozen=True)
class Stream:
    """An answer of the engine's that is still arriving."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]

    async def read(self) -> bytes:
        """All of it. Raises EngineUnreachable where it breaks off."""
        return b"".join([chunk async for chunk in self.chunks])


class Upstream:
    """The engine's socket as its clients see it: nothing is changed on the way, and any answer is one."""

    def __init__(self, wire: Wire, known: Raw | None = None) -> None:
        """`known` is what the engine last said at /version; it may not answer yet."""
        self._wire = wire
        self._facts = facts_of(known) if known else None
        self._stale = True

    async def facts(self) -> EngineFacts:
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

    async def _ask_facts(self) -> EngineFacts:
        response = await self.request("GET", "/version")
        if response.status != 200:
            raise EngineUnreachable(f"The Docker Engine at {self._wire.socket} does not say its version")
        return facts_of(response.json, response.headers)

    @asynccontextmanager
    async def stream(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Stream]:
        """Ask and give the answer while it is still arriving. Raises EngineUnreachable."""
        url = URL("http://engine" + target, encoded=True)
        begun = False
        try:
            kept = method in ("GET", "HEAD")
            async with self._wire.open(method, url, body, headers, keep_alive=kept) as response:
                begun = True
                server = response.headers.get("Server")
                if self._facts is not None and server is not None and server != self._facts.server:
                    self._stale = True
                yield Stream(response.status, response.headers, self._wire.chunks(response))
        except EngineUnreachable as error:
            self._stale = True
            if begun:
                raise
            raise EngineUnreachable(waiting_for(self._wire.socket)) from error

    async def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Ask and wait for the whole answer, whatever its status. Raises EngineUnreachable."""
        async with self.stream(method, target, body, headers) as stream:
            try:
                return Response(stream.status, await stream.read(), stream.headers)
            except EngineUnreachable as error:
                reason = f"The Docker Engine broke off its answer: {error.reason}"
                raise EngineUnreachable(reason) from error
