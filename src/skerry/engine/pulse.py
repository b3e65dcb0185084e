"""The engine's pulse: its last ping holds as long as a connection to it that asks nothing stays open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from skerry.engine.http import Response


class Pulse(asyncio.Protocol):
    """What the engine answers to pings. Each command of a client begins with one, and asking on takes three
    times as long as answering; an engine that dies closes the connection at once."""

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._answers: dict[str, Response] = {}
        self._transport: asyncio.BaseTransport | None = None
        self._connecting = asyncio.Lock()

    async def ping(self, method: str, ask: Callable[[], Awaitable[Response]]) -> Response:
        """The answer to a ping, asked where it may have changed. Raises EngineUnreachable."""
        if known := self._answers.get(method):
            return known
        async with self._connecting:
            if self._transport is None:
                with suppress(OSError):  # who asks on hears it in the usual words
                    await asyncio.get_running_loop().create_unix_connection(lambda: self, self._socket)
        answer = await ask()
        if answer.status == 200 and self._transport is not None:
            self._answers[method] = answer
        return answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From now on its end shows."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """The engine has gone, or is tired of a connection without requests: ask again."""
        self._answers.clear()
        self._transport = None

    def close(self) -> None:
        """Let go of the connection."""
        if self._transport is not None:
            self._transport.close()
