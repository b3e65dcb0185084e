"""HTTP to an engine: one session over its unix socket, and its refusals as our errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import msgspec

from skerry.engine.port import EngineError, EngineUnreachable

NEWEST = (1, 47)
"""The newest API version that skerry speaks; an older engine's own is taken where that is less."""

QUICK = aiohttp.ClientTimeout(total=120, sock_connect=10)
"""For calls that answer when done: generous, since a loaded engine is slow, and never endless."""

ENDLESS = aiohttp.ClientTimeout(total=None, sock_connect=10)
"""For streams, and for calls that last as long as a container wants."""


async def _anyone() -> None:
    pass


class Wire:
    """Requests to one engine's socket, which need not answer yet.

    Before the first request, and again after any that broke off, it is met: the API version is agreed on, and
    `admit` raises where whoever answers is not to be used. So nothing is ever asked of an engine that took
    another's place in between.
    """

    def __init__(self, socket: str, admit: Callable[[], Awaitable[None]] = _anyone) -> None:
        self.socket = socket
        self._admit = admit
        self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=socket, limit=0))
        self._version = ""
        self._meeting = asyncio.Lock()

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
        timeout = aiohttp.ClientTimeout(total=10)
        try:
            async with self._session.get("http://engine/_ping", timeout=timeout) as response:
                body = await response.read()
                theirs = response.headers.get("Api-Version", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineUnreachable(f"no Docker Engine answers at {self.socket}: {_words(error)}") from error
        if response.status != 200 or not theirs:
            said = body.decode(errors="replace")
            raise EngineUnreachable(f"no Docker Engine answers at {self.socket}: {said}")
        version = min(NEWEST, _parsed(theirs))
        return f"{version[0]}.{version[1]}"

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        endless: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose head has come. Raises EngineError from 400 on, EngineUnreachable without one."""
        data = msgspec.json.encode(body) if body is not None else None
        version = await self.meet()
        with self._answering():
            response = await self._session.request(
                method,
                f"http://engine/v{version}{path}",
                params=dict(query or {}),
                data=data,
                headers={"Content-Type": "application/json", **(headers or {})},
                timeout=ENDLESS if endless else QUICK,
            )
        async with response:
            if response.status >= 400:
                with self._answering():
                    raise EngineError(response.status, _error_text(await response.read()))
            yield response

    async def chunks(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """The body as it comes. Raises EngineUnreachable where it breaks off."""
        with self._answering():
            async for chunk in response.content.iter_any():
                yield chunk

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.doubt()
            said = f"the engine at {self.socket} does not answer: {_words(error)}"
            raise EngineUnreachable(said) from error

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
            with self._answering():
                content = await response.read()
        return msgspec.json.decode(content) if content.strip() else None

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def _parsed(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor or 0)


def _error_text(body: bytes) -> str:
    """The engine's own words: `{"message": …}`, or whatever it wrote."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode(errors="replace").strip()
    return str(found.get("message", found)) if isinstance(found, dict) else str(found)


def _words(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "it took too long"
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error)
    return str(error) or type(error).__name__
