"""A client of HTTP/2 that keeps a connection, with several requests on it at once. The frames are h2's."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events

from proof.stream import Broken, Place, Stale


def trusting(*protocols: str) -> ssl.SSLContext:
    """A context of TLS that takes any certificate, and offers these protocols."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(protocols)
    return context


@dataclass
class _Answer:
    """One that is awaited."""

    over: asyncio.Future[None]
    body: bytearray = field(default_factory=bytearray)
    begun: bool = False


class Http2:
    """One connection. `open` is False from the moment when it takes no more requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._answers: dict[int, _Answer] = {}
        self._frames.initiate_connection()
        self._flush()
        self.open = True
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, place: Place, port: int, *, tls: bool) -> Http2:
        """By TLS, or with prior knowledge."""
        context = trusting("h2") if tls else None
        reader, writer = await asyncio.open_connection(place.host, port, ssl=context)
        return cls(reader, writer)

    async def get(self, path: str) -> bytes:
        """The body. Raises Stale where the connection ended before anything of the answer came, or the server
        did not take the request; Broken where it is cut off."""
        number = self._frames.get_next_available_stream_id()
        answer = self._answers[number] = _Answer(asyncio.get_running_loop().create_future())
        scheme = "https" if self._writer.get_extra_info("ssl_object") else "http"
        head = [(":method", "GET"), (":path", path), (":scheme", scheme), (":authority", "proof")]
        self._frames.send_headers(number, head, end_stream=True)
        self._flush()
        try:
            await answer.over
        finally:
            del self._answers[number]
        return bytes(answer.body)

    def close(self) -> None:
        """At once."""
        self._reading.cancel()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write(self._frames.data_to_send())

    async def _read(self) -> None:
        why = "closed"
        try:
            while data := await self._reader.read(65536):
                for event in self._frames.receive_data(data):
                    self._take(event)
                self._flush()
        except OSError as error:
            why = str(error)
        finally:
            self.open = False
            for answer in self._answers.values():
                self._fail(answer, why)

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ConnectionTerminated():
                self.open = False
                for number, answer in self._answers.items():
                    if number > (event.last_stream_id or 0):
                        self._fail(answer, "GOAWAY")
            case h2.events.RemoteSettingsChanged():
                self.open &= self._frames.remote_settings.max_concurrent_streams > 0
            case h2.events.ResponseReceived() | h2.events.DataReceived() | h2.events.StreamEnded():
                self._hear(event)
            case h2.events.StreamReset() if event.stream_id in self._answers:
                self._fail(self._answers[event.stream_id], f"RST_STREAM {event.error_code}")

    def _hear(self, event: h2.events.Event) -> None:
        """A part of an answer; those that nobody awaits any more come too."""
        answer = self._answers.get(event.stream_id)
        if answer is None:
            return
        answer.begun = True
        if isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            self._frames.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if isinstance(event, h2.events.StreamEnded) and not answer.over.done():
            answer.over.set_result(None)

    def _fail(self, answer: _Answer, why: str) -> None:
        if not answer.over.done():
            answer.over.set_exception(Broken(f"cut off: {why}") if answer.begun else Stale(why))
