"""HTTP to an engine: one session over its unix socket, and its refusals as our errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
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


class Wire:
    """Requests to one engine's socket. `version` is the API version that was agreed on, e.g. `1.41`."""

    def __init__(self, socket: str, version: str, session: aiohttp.ClientSession) -> None:
        self.socket = socket
        self.version = version
        self._session = session

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
        with self._answering():
            response = await self._session.request(
                method,
                f"http://engine/v{self.version}{path}",
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


async def connect(socket: str) -> Wire:
    """Find out whether an engine answers at `socket`, and which version to speak with it."""
    session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=socket, limit=0))
    try:
        timeout = aiohttp.ClientTimeout(total=10)
        async with session.get("http://engine/_ping", timeout=timeout) as response:
            body = await response.read()
            theirs = response.headers.get("Api-Version", "")
            if response.status != 200 or not theirs:
                raise EngineUnreachable(
                    f"no Docker Engine answers at {socket}: {body.decode(errors='replace')}"
                )
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        await session.close()
        raise EngineUnreachable(f"no Docker Engine answers at {socket}: {_words(error)}") from error
    except BaseException:
        await session.close()
        raise
    version = min(NEWEST, _parsed(theirs))
    return Wire(socket, f"{version[0]}.{version[1]}", session)


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
    return str(error) or type(error).__name__
