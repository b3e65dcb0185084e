"""A client's connection: one request after the other, and each head decides who serves it.

Our own go to aiohttp, and the connection is kept, as clients of Docker expect. A request of the engine's is
the connection's last: `Connection: close` makes sure of that, and from then on it is a pipe to the engine.
Requests that upgrade keep their head as it is, since what follows is no HTTP.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from skerry.api.heads import LIMIT, BadHead, Head, split
from skerry.api.pipe import ClientHalf, EngineHalf, hung_up, tie

if TYPE_CHECKING:
    from skerry.api.frontdoor import Server

HEAD_TIMEOUT_S = 60.0

log = structlog.get_logger()


class Connection(asyncio.Protocol):
    """Reads each head, then hands the request to the protocol that serves it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""
        self._ours: web.RequestHandler | None = None
        self._next: asyncio.Protocol | None = None
        """Whoever serves the request under way, or the last one."""
        self._room: int | None = 0
        """Bytes of its body that are still to come; None: everything is for it."""
        self._answered = True
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here; it has a minute to say what it wants."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(self)
        self._wait_for_head()

    def _wait_for_head(self) -> None:
        assert self._transport is not None
        if self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(HEAD_TIMEOUT_S, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Part of a head, or what follows one."""
        if self._next is not None and self._room != 0:
            mine, data = data[: self._room], data[self._room :] if self._room is not None else b""
            if self._room is not None:
                self._room -= len(mine)
            self._next.data_received(mine)
        if data:
            self._buffer += data
            self._read_head()

    def _read_head(self) -> None:
        """One request at a time: what a client sends ahead waits until it has its answer."""
        assert self._transport is not None
        if not self._answered:
            if len(self._buffer) > LIMIT:
                self._transport.pause_reading()
            return
        try:
            found = split(self._buffer)
        except BadHead as error:
            self._refuse(400, str(error))
            return
        if found is None:
            if self._ended:  # the rest of this head will never come
                self._transport.close()
            else:
                self._wait_for_head()
            return
        head, self._buffer = found
        self._decide(head)

    def _decide(self, head: Head) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._answered = False
        if self._server.routes.ours(head):
            self._room = head.length if head.keeps else None
            self._serve(head.render(close=not head.keeps, upgrade=False))
        else:
            self._room = None
            self._pass(head.render(close=not head.upgrades) + self._take_buffer())
        if rest := self._take_buffer():
            self.data_received(rest)

    def _take_buffer(self) -> bytes:
        data, self._buffer = self._buffer, b""
        return data

    def _serve(self, data: bytes) -> None:
        assert self._transport is not None
        if self._ours is None:
            self._ours = self._server.web_protocol()
            self._ours.connection_made(self._transport)
        self._next = self._ours
        self._ours.data_received(data)

    def answered(self) -> None:
        """The request under way has its whole answer."""
        assert self._transport is not None
        self._answered = True
        if self._ended and not self._buffer:
            self._transport.close()
        elif self._buffer:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._read_head()

    def _pass(self, data: bytes) -> None:
        assert self._transport is not None
        if self._ours is not None:
            self._ours.keep_alive(True)  # so that it does not close the connection when it has waited long
        self._transport.pause_reading()
        client = ClientHalf()
        client.transport = self._transport
        self._next = client
        engine = EngineHalf()
        tie(client, engine)
        task = asyncio.ensure_future(self._connect(engine, data))
        self._server.connecting.add(task)
        task.add_done_callback(self._server.connecting.discard)

    async def _connect(self, engine: EngineHalf, data: bytes) -> None:
        assert self._transport is not None
        path = self._server.engine_socket
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: engine, path)
        except OSError as error:
            log.warning("engine does not answer", socket=path, error=str(error))
            self._transport.resume_reading()
            self._refuse(503, engine_down(path))
            return
        assert engine.transport is not None
        if self._transport.is_closing():
            engine.transport.close()
            return
        engine.transport.write(data)
        self._transport.resume_reading()

    def _refuse(self, status: int, message: str) -> None:
        assert self._transport is not None
        reason = {400: "Bad Request", 503: "Service Unavailable"}[status]
        body = msgspec.json.encode({"message": message}) + b"\n"
        head = (
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.close()

    def eof_received(self) -> bool:
        """The client sends no more. One that only closed its sending half still wants its answer."""
        if self._answered or self._transport is None:
            return False
        self._ended = True
        if isinstance(self._next, ClientHalf):
            return self._next.eof_received()
        return not hung_up(self._transport)

    def check(self) -> None:
        """Notice a hang-up that reading does not show: after a half-close, or while reading is paused."""
        transport = self._transport
        unheard = transport is not None and (self._ended or not transport.is_reading())
        if transport is not None and unheard and hung_up(transport):
            transport.abort()

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        if self._next is not None:
            self._next.pause_writing()

    def resume_writing(self) -> None:
        """The client caught up."""
        if self._next is not None:
            self._next.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone: so is whatever served it."""
        self._server.connections.discard(self)
        if self._patience is not None:
            self._patience.cancel()
        if self._ours is not None:
            self._ours.connection_lost(exc)
        if self._next is not None and self._next is not self._ours:
            self._next.connection_lost(exc)


class Answered(AbstractAccessLogger):
    """aiohttp tells its access log when an answer is whole, and nobody else."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Let the connection go on to its next request."""
        connection = request.transport.get_protocol() if request.transport is not None else None
        if isinstance(connection, Connection):
            connection.answered()


def engine_down(path: str) -> str:
    """What a client reads when the engine does not answer."""
    return f"waiting for the engine at {path}: is dockerd running? `skerry status` says more"
