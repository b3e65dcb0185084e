"""HTTP to an engine over its unix socket, and its refusals as our errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from skerry.engine.port import EngineError, EngineUnreachable
from skerry.model.api_version import read_version

NEWEST = (1, 47)
"""The newest API version that skerry speaks; an older engine's own is taken where that is less."""

QUICK = aiohttp.ClientTimeout(total=120, sock_connect=10)
"""For calls that answer when done: generous, since a loaded engine is slow, and never endless."""

ENDLESS = aiohttp.ClientTimeout(total=None, sock_connect=10)
"""For streams, and for calls that last as long as a container wants."""


async def _anyone() -> None:
    pass


@dataclass(frozen=True)
class Response:
    """What the engine answered, whole."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        """The body read as JSON, or None where it is empty."""
        return msgspec.json.decode(self.body) if self.body.strip() else None

    @property
    def error(self) -> EngineError:
        """The engine's refusal, in its own words: `{"message": …}`, or whatever it wrote."""
        try:
            value = self.json
        except msgspec.DecodeError:
            return EngineError(self.status, self.body.decode(errors="replace").strip())
        return EngineError(
            self.status, str(value.get("message", value) if isinstance(value, dict) else value or "")
        )


class Wire:
    """All HTTP to one engine's socket, which need not answer yet: what skerry asks of its own accord
    (`request`, `call`), and what clients ask through it (`open`).

    Before the first request of its own, and again after any that broke off, it is met: the API version is
    agreed on, and `admit` raises where whoever answers is not to be used. So nothing is ever asked of an
    engine that took another's place in between.
    """

    def __init__(self, socket: str, admit: Callable[[], Awaitable[None]] = _anyone) -> None:
        self.socket = socket
        self._admit = admit
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._version = ""
        self._meeting = asyncio.Lock()

    def _session(self, keep_alive: bool) -> aiohttp.ClientSession:
        """The session whose connections are kept, or the one that has a connection for each request."""
        if keep_alive not in self._sessions:
            connector = aiohttp.UnixConnector(self.socket, force_close=not keep_alive, limit=0)
            self._sessions[keep_alive] = aiohttp.ClientSession(
                connector=connector, auto_decompress=False, skip_auto_headers=["User-Agent"]
            )
        return self._sessions[keep_alive]

    @asynccontextmanager
    async def open(
        self,
        method: str,
        url: URL,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        limits: aiohttp.ClientTimeout = ENDLESS,
        keep_alive: bool = True,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose head has come, whatever its status. Raises EngineUnreachable without one.

        A connection that was kept may have died with an engine that was restarted. aiohttp asks again by
        another then what may be asked twice; anything else of a client's is not to go by a kept one.
        """
        with self.answering():
            response = await self._session(keep_alive).request(
                method, url, data=body, headers=headers, timeout=limits
            )
        async with response:
            yield response

    async def meet(self) -> str:
        """The API version to speak, e.g. `1.41`. Raises EngineUnreachable, with a sentence, where none is."""
        async with self._meeting:
            if not self._version:
                version = await self._agree()
                await self._admit()
                self._version = version
            return self._version

    def doubt(self) -> None:
        """It may have ended: before the next request it is met again."""
        self._version = ""

    async def _agree(self) -> str:
        limits = aiohttp.ClientTimeout(total=10)
        try:
            async with self.open("GET", URL("http://engine/_ping"), limits=limits) as response:
                body = await self.read(response)
        except EngineUnreachable as error:
            raise EngineUnreachable(f"no Docker Engine answers at {self.socket}: {error.reason}") from error
        theirs = response.headers.get("Api-Version", "")
        if response.status != 200 or not theirs:
            answer = body.decode(errors="replace")
            raise EngineUnreachable(f"no Docker Engine answers at {self.socket}: {answer}")
        version = min(NEWEST, read_version(theirs))
        return f"{version[0]}.{version[1]}"

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | list[str]] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        endless: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose head has come. Raises EngineError from 400 on, EngineUnreachable without one."""
        url = URL(f"http://engine/v{await self.meet()}{path}").with_query(query)
        data = msgspec.json.encode(body) if body is not None else None
        headers = {"Content-Type": "application/json", **(headers or {})}
        limits = ENDLESS if endless else QUICK
        async with self.open(method, url, data, headers, limits=limits) as response:
            if response.status >= 400:
                raise Response(response.status, await self.read(response)).error
            yield response

    async def read(self, response: aiohttp.ClientResponse) -> bytes:
        """The whole body. Raises EngineUnreachable where it breaks off."""
        with self.answering():
            return await response.read()

    async def chunks(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """The body as it comes. Raises EngineUnreachable where it breaks off."""
        with self.answering():
            async for chunk in response.content.iter_any():
                yield chunk

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Raises EngineUnreachable for whatever breaks off within."""
        try:
            yield
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.doubt()
            reason = _reason(error)
            raise EngineUnreachable(
                f"the engine at {self.socket} does not answer: {reason}", reason
            ) from error

    async def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        endless: bool = False,
    ) -> Any:
        """The answer's JSON, or None where it is empty."""
        async with self.request(method, path, query, body, endless=endless) as response:
            content = await self.read(response)
        return msgspec.json.decode(content) if content.strip() else None

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "it took too long"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error)
    return str(error) or type(error).__name__
