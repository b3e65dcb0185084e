"""A client's connection: one request after the other, and each head decides who serves it.

A connection is between two requests (`_idle`), within one, or a pipe. Bytes collect in `HeadReader` until a
head is whole. Then `_route` picks the handler: aiohttp for skerry's own endpoints (`_web`, one protocol for
the whole connection), or an `Exchange`, which is one connection to the engine for this request alone. The
handler gets the head and the body written afresh, and nothing that comes behind them; what the client sends
ahead stays in the buffer, and above a limit is not read. The answer's end brings the connection back here
for its next head: the exchange sees that end itself, aiohttp tells it to its access log (`Answered`). Only
where the engine has taken a connection out of HTTP (attach, exec, BuildKit's session) is it a pipe from then
on. Both sides hold each other back where one reads slowly, and a client that hangs up ends its request.
"""

from __future__ import annotations

import asyncio
import re
from typing import Protocol

import msgspec
import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from skerry.api.door.bodies import BadBody, BodyReader
from skerry.api.door.exchange import Exchange
from skerry.api.door.guard import Guard, peer
from skerry.api.door.heads import LIMIT, BadHead, Head, HeadReader
from skerry.api.door.pipe import LINGER_S, ClientHalf, hung_up, tie
from skerry.engine.port import waiting_for
from skerry.model.caller import NOBODY, Caller

HEAD_TIMEOUT_S = 60.0
QUIET_S = 0.5
"""An answer that has begun, and of which nothing came for so long, is taken for a stream without an end."""

_STREAM = re.compile(r"/events.*|/(services|tasks)/[^/]*/logs\?(.*&)?follow=.*")

_REASONS = {
    301: "Moved Permanently",
    400: "Bad Request",
    403: "Forbidden",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}

log = structlog.get_logger()


class Door(Protocol):
    """What a connection needs of the server that accepted it."""

    engine_socket: str
    guard: Guard
    connections: set[Connection]
    connecting: set[asyncio.Task[None]]
    closing: bool

    def ours(self, head: Head, /) -> bool:
        """Whether skerry answers this request itself."""

    def web_protocol(self) -> web.RequestHandler:
        """A fresh HTTP connection of aiohttp's."""


class Connection(asyncio.Protocol):
    """Reads each head, then hands the request to the protocol that serves it."""

    def __init__(self, door: Door, caller: Caller | None = None) -> None:
        """`door` is what accepted it; `caller` is who that has found to be at the other end."""
        self._door = door
        self._caller = caller
        self._heads = HeadReader()
        self._head: Head | None = None
        """Of the request under way, or the last one."""
        self._body: BodyReader | None = None
        """Its body, as far as it is still to come."""
        self._web: web.RequestHandler | None = None
        self._handler: asyncio.Protocol | None = None
        """Whoever serves the request under way, or the last one."""
        self._exchange: Exchange | None = None
        """The engine's end of the request under way."""
        self._piped = False
        """No HTTP any more: everything is for the engine."""
        self._idle = True
        """The last request has its whole answer."""
        self._transport: asyncio.Transport | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._client_done = False
        """The client sends no more."""
        self._closing = False
        """What the client still sends is dropped."""
        self._slow = False
        """The client reads more slowly than it is written to."""
        self._unused = True
        """Nothing was asked yet."""
        self._opened_at = asyncio.get_running_loop().time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is here. It may stay without a word, but a head that it begins has to be whole soon."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._door.connections.add(self)
        if self._caller is None:
            self._caller = peer(transport.get_extra_info("socket"))

    @property
    def caller(self) -> Caller:
        """Who is at the other end."""
        return self._caller or NOBODY

    def _wait_for_head(self) -> None:
        assert self._transport is not None
        if self._head_timer is None and self._heads.buffer:
            self._head_timer = asyncio.get_running_loop().call_later(HEAD_TIMEOUT_S, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Part of a head, or what follows one."""
        if self._closing:
            return
        if self._piped and self._handler is not None:
            self._handler.data_received(data)
            return
        self._heads.buffer += data
        self._advance()

    def _advance(self) -> None:
        """One request at a time: what a client sends ahead waits until it has its answer."""
        assert self._transport is not None
        try:
            self._read_body()
            if self._body is None and self._idle:
                self._read_head()
        except BadHead as error:
            self._refuse_as_server(error.status, str(error))
        except BadBody as error:
            self._refuse_body(str(error))
        if not self._idle and len(self._heads.buffer) > LIMIT:
            self._transport.pause_reading()

    def _read_body(self) -> None:
        buffer = self._heads.buffer
        if self._body is None or not buffer or (self._exchange is not None and not self._exchange.transport):
            return
        assert self._handler is not None
        content, count = self._body.take(bytes(buffer))
        del buffer[:count]
        if self._body.done:
            self._body = None
        if content:
            self._handler.data_received(content)

    def _read_head(self) -> None:
        assert self._transport is not None
        head = self._heads.read()
        if head is not None:
            self._route(head)
        elif self._client_done:  # the rest of this head will never come
            self._transport.close()
        else:
            self._wait_for_head()

    def _route(self, head: Head) -> None:
        """Hand the request to whoever serves it, or redirect one whose path is not clean."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if head.target.clean != head.target:
            self._redirect(head)
            return
        self._idle = self._unused = False
        self._head, body = head, head.body()
        self._body = None if body.done else body
        if self._door.ours(head):
            self._to_web(head.render(close=not head.keeps))
        elif reason := self._door.guard.refusal(self.caller, head):
            self._door.guard.answered(self.caller, head, 403, reason)
            self._refuse(403, reason)
        else:
            self._to_engine(head)
        self._read_body()

    def _to_web(self, data: bytes) -> None:
        assert self._transport is not None
        if self._web is None:
            self._web = self._door.web_protocol()
            self._web.connection_made(self._transport)
            if self._slow:
                self._web.pause_writing()
        self._handler = self._web
        self._web.data_received(data)

    def answered(self) -> None:
        """The request under way has its whole answer."""
        assert self._transport is not None
        self._idle = True
        if self._head is not None and not self._head.keeps:
            self._closing = True  # aiohttp closes it
        elif self._client_done and not self._heads.buffer:
            self._transport.close()
        elif self._door.closing:
            self._finish()
        else:
            self._wait_for_head()
            asyncio.get_running_loop().call_soon(self._resume)

    def _resume(self) -> None:
        assert self._transport is not None
        if self._transport.is_closing() or self._piped or self._closing:
            return
        if self._exchange is None or self._exchange.transport is not None:
            self._transport.resume_reading()
        self._advance()

    # The engine's requests.

    def _to_engine(self, head: Head) -> None:
        assert self._transport is not None
        self._transport.pause_reading()
        client = ClientHalf()
        client.transport = self._transport
        self._handler = client
        self._exchange = Exchange(head, self._on_engine_answer, self._on_hijack, self._on_engine_status)
        tie(client, self._exchange)
        task = asyncio.ensure_future(self._connect(self._exchange, head.render(close=True)))
        self._door.connecting.add(task)
        task.add_done_callback(self._door.connecting.discard)

    async def _connect(self, engine: Exchange, data: bytes) -> None:
        """Open a connection to the engine for this request, and send its head. A client that has hung up
        meanwhile needs none; without an engine the answer is 503."""
        assert self._transport is not None
        path = self._door.engine_socket
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: engine, path)
        except OSError as error:
            log.warning("engine does not answer", socket=path, error=str(error))
            self._transport.resume_reading()
            self._on_engine_status(503)
            self._refuse(503, waiting_for(path))
            return
        assert engine.transport is not None
        if self._transport.is_closing():
            engine.transport.close()
            return
        engine.transport.write(data)
        if self._slow:
            engine.transport.pause_reading()
        self._resume()

    def _on_engine_status(self, status: int) -> None:
        assert self._head is not None
        self._door.guard.answered(self.caller, self._head, status)

    def _on_engine_answer(self) -> None:
        """The engine's answer is whole; unless it came before the request was, the connection is kept."""
        assert self._exchange is not None
        assert self._head is not None
        self._drop_engine()
        if self._head.keeps and self._body is None:
            self.answered()
        else:
            self._finish()

    def _drop_engine(self) -> None:
        """End the engine's connection."""
        if self._exchange is not None:
            self._exchange.detach()
        self._exchange = self._handler = None

    def _on_hijack(self) -> None:
        """The engine has taken the connection: what was sent ahead is for it too."""
        assert self._transport is not None
        assert self._handler is not None
        self._piped, self._body = True, None
        if data := bytes(self._heads.buffer):
            self._heads.buffer.clear()
            self._handler.data_received(data)
        self._transport.resume_reading()
        if self._client_done:
            self._handler.eof_received()

    # Ends.

    def _redirect(self, head: Head) -> None:
        """As dockerd's router does with a path that is not clean."""
        self._write(301, b"", f"Location: {head.target.clean.render()}\r\n")
        self._finish()

    def _refuse_body(self, message: str) -> None:
        """A body that can't be read; where the answer has begun, its end is all that can be said."""
        assert self._transport is not None
        if self._exchange is not None and self._exchange.begun:
            self._transport.abort()
            return
        self._refuse_as_server(400, message)
        self._transport.close()

    def _refuse_as_server(self, status: int, reason: str) -> None:
        """In the words of dockerd's HTTP server, whose API has not seen the request yet."""
        self._drop_engine()
        words = f"{status} {_REASONS[status]}" + (f": {reason}" if reason else "")
        self._write(status, words.encode(), "Content-Type: text/plain; charset=utf-8\r\n")
        self._finish()

    def _refuse(self, status: int, message: str) -> None:
        self._drop_engine()
        body = msgspec.json.encode({"message": message}) + b"\n"
        self._write(status, body, "Content-Type: application/json\r\n")
        self._finish()

    def _write(self, status: int, body: bytes, fields: str) -> None:
        assert self._transport is not None
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{fields}Content-Length: {len(body)}\r\n"
        self._transport.write(f"{head}Connection: close\r\n\r\n".encode("latin-1") + body)

    def _finish(self) -> None:
        """Close, once the client has read what was written: while it sends, a close could cut that off."""
        assert self._transport is not None
        self._closing = self._idle = True
        self._body = None
        self._heads.buffer.clear()
        if self._client_done or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)

    def eof_received(self) -> bool:
        """The client sends no more. One that only closed its sending half still wants its answer."""
        if self._transport is None or self._closing or (self._idle and not self._heads.buffer):
            return False
        self._client_done = True
        if self._idle:
            asyncio.get_running_loop().call_soon(self._resume)
            return True
        mid_body = self._body is not None and self._exchange is not None
        if (self._piped or mid_body) and isinstance(self._handler, ClientHalf):
            return self._handler.eof_received()
        return not hung_up(self._transport)

    def check(self) -> None:
        """Notice a hang-up that reading does not show: after a half-close, or while reading is paused."""
        transport = self._transport
        unheard = transport is not None and (self._client_done or not transport.is_reading())
        if transport is not None and unheard and hung_up(transport):
            transport.abort()

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    def awaits_answer(self, now: float) -> bool:
        """Whether a client waits here for an answer that will have an end."""
        if self._unused:  # it has connected, and is about to ask
            return now - self._opened_at < QUIET_S
        if self._idle or self._piped or self._head is None:
            return False
        if self._exchange is not None:
            return not self._exchange.begun or now - self._exchange.heard < QUIET_S
        return not _STREAM.fullmatch(f"{self._head.path}{self._head.target.query}")

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._slow = True
        for protocol in self._writers():
            protocol.pause_writing()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._slow = False
        for protocol in self._writers():
            protocol.resume_writing()

    def _writers(self) -> set[asyncio.Protocol]:
        return {protocol for protocol in (self._web, self._handler) if protocol is not None}

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone: so is whatever served it."""
        self._door.connections.discard(self)
        if self._head_timer is not None:
            self._head_timer.cancel()
        if self._web is not None:
            self._web.connection_lost(exc)
        if self._handler is not None and self._handler is not self._web:
            self._handler.connection_lost(exc)


class Answered(AbstractAccessLogger):
    """aiohttp tells its access log when an answer is whole, and nobody else."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Let the connection go on to its next request."""
        connection = request.transport.get_protocol() if request.transport is not None else None
        if isinstance(connection, Connection):
            connection.answered()
