"""TLS in front of a connection: a protocol towards the socket, and a transport towards who serves it.

asyncio's own TLS ends both directions where one side ends one. Docker's clients end their half of an attached
stream and go on reading, so this one keeps the halves apart, as `ssl.SSLObject` does. A peer shows its
certificate before a byte of HTTP is read, and who is not known by it is left without an answer.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

HANDSHAKE_S = 10.0
CHUNK = 256 * 1024

Admit = Callable[["TlsSession", bytes, str], asyncio.Protocol | None]
"""Who serves a session whose peer shows a certificate (DER) and comes from an address; None: nobody does."""


class TlsSession(asyncio.Protocol):
    """One connection from its handshake on."""

    def __init__(self, context: ssl.SSLContext, admit: Admit, ended: Callable[[TlsSession], None]) -> None:
        """`ended` is told when it is over."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._admit = admit
        self._ended = ended
        self._raw: asyncio.Transport | None = None
        self._plain: TlsTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._input_over = False

    @property
    def raw(self) -> asyncio.Transport:
        """The socket's own transport."""
        assert self._raw is not None
        return self._raw

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is here, and has to say soon who that is."""
        assert isinstance(transport, asyncio.Transport)
        self._raw = transport
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Something of the handshake, or of what comes after it."""
        self._incoming.write(data)
        self._advance()

    def eof_received(self) -> bool:
        """The peer sends no more, whether it said so within TLS or not."""
        self._incoming.write_eof()
        if self._plain is None:
            return False
        self._advance()
        return not self.raw.is_closing()

    def _advance(self) -> None:
        try:
            if self._plain is None:
                self.tls.do_handshake()
                self._plain = self._begin()
            self.read()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.flush()  # the peer is told why, in TLS's own terms
            self.raw.close()
            return
        self.flush()

    def _begin(self) -> TlsTransport | None:
        """The peer has shown a certificate of the trusted authority. None where nobody serves it."""
        assert self._timer is not None
        self._timer.cancel()
        host, port = (self.raw.get_extra_info("peername") or ("", 0))[:2]
        protocol = self._admit(self, self.tls.getpeercert(binary_form=True) or b"", f"{host}:{port}")
        if protocol is None:
            self.raw.abort()
            return None
        plain = TlsTransport(self, protocol)
        protocol.connection_made(plain)
        return plain

    def read(self) -> None:
        """Give on what has come, for as long as somebody reads. Raises SSLError."""
        plain = self._plain
        while plain is not None and not plain.paused and not self._input_over and not self.raw.is_closing():
            try:
                data = self.tls.read(CHUNK)
            except ssl.SSLEOFError:
                data = b""
            if data:
                plain.get_protocol().data_received(data)
            else:
                self._input_over = True
                if not plain.get_protocol().eof_received():
                    plain.close()

    def resume(self) -> None:
        """Somebody reads again."""
        if not self.raw.is_closing():
            self.raw.resume_reading()
            self._advance()

    def flush(self) -> None:
        """Send what TLS has to say."""
        if self._outgoing.pending and not self.raw.is_closing():
            self.raw.write(self._outgoing.read())

    def say_end(self) -> None:
        """Tell the peer that nothing more comes; it may go on sending."""
        with suppress(ssl.SSLError):  # it has not said the same yet
            self.tls.unwrap()
        self.flush()

    def pause_writing(self) -> None:
        """The peer reads too slowly."""
        if self._plain is not None:
            self._plain.get_protocol().pause_writing()

    def resume_writing(self) -> None:
        """The peer caught up."""
        if self._plain is not None:
            self._plain.get_protocol().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        if self._timer is not None:
            self._timer.cancel()
        self._ended(self)
        if self._plain is not None:
            self._plain.get_protocol().connection_lost(exc)


class TlsTransport(asyncio.Transport):
    """What a protocol writes to, and is read for from."""

    def __init__(self, session: TlsSession, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._session = session
        self._protocol = protocol
        self._said_end = False
        self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the socket's own transport says."""
        return self._session.raw.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.Protocol:
        """Who is read for."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Read for another one."""
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    def is_reading(self) -> bool:
        """Whether what comes is given on."""
        return not self.paused and not self.is_closing()

    def pause_reading(self) -> None:
        """Give on nothing for now."""
        if not self.paused and not self.is_closing():
            self.paused = True
            self._session.raw.pause_reading()

    def resume_reading(self) -> None:
        """Go on with it."""
        if self.paused:
            self.paused = False
            asyncio.get_running_loop().call_soon(self._session.resume)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        if data and not self._said_end and not self.is_closing():
            self._session.tls.write(data)
            self._session.flush()

    def writelines(self, list_of_data: Any) -> None:
        """Send all of them."""
        self.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        """Bytes that are not sent yet."""
        return self._session.raw.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When writing is to be paused."""
        self._session.raw.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        """The halves end one by one."""
        return True

    def write_eof(self) -> None:
        """Nothing more is sent."""
        if not self._said_end and not self.is_closing():
            self._said_end = True
            self._session.say_end()

    def is_closing(self) -> bool:
        """Whether it is over, or soon will be."""
        return self._session.raw.is_closing()

    def close(self) -> None:
        """End both halves, once all is sent."""
        self.write_eof()
        self._session.raw.close()

    def abort(self) -> None:
        """End it now."""
        self._session.raw.abort()
