"""Two sockets tied together: what comes in at one goes out at the other, until both ends are done.

Back-pressure goes through (a full side stops the reading of the other), an end of input is passed on as
one (half-close), and a client that hung up takes its engine connection with it.
"""

from __future__ import annotations

import asyncio
import select
import socket

LINGER_S = 10.0
"""How long a client may go on sending after the engine has closed; what it sends is dropped."""


def hung_up(transport: asyncio.BaseTransport) -> bool:
    """Whether the peer of a socket has closed it altogether, and not only its sending half.

    Over TCP that looks alike; but there is TLS on it, in which who goes on reading says so without closing.
    """
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return True
    gone = select.POLLHUP | select.POLLERR
    if sock.family != socket.AF_UNIX:
        gone |= select.POLLRDHUP
    poll = select.poll()
    poll.register(sock.fileno(), gone & select.POLLRDHUP)
    return any(event & gone for _, event in poll.poll(0))


class Half(asyncio.Protocol):
    """One end of a pipe; `tie` makes two of them a pipe."""

    peer: Half | None = None
    """The other end; None where nobody is there any more."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.ended = False
        """Nothing more will come from this end."""

    @property
    def _other(self) -> asyncio.Transport | None:
        return self.peer.transport if self.peer is not None else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; used for a socket that is still to be connected."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Copy to the other end, unless that is gone."""
        out = self._other
        if out is not None and not out.is_closing():
            out.write(data)

    def pause_writing(self) -> None:
        """This end is full: stop reading the other."""
        if self._other is not None:
            self._other.pause_reading()

    def resume_writing(self) -> None:
        """This end has room again."""
        if self._other is not None and not self._other.is_closing():
            self._other.resume_reading()

    def eof_received(self) -> bool:
        """Pass the end on; stay open for what still comes the other way, unless nobody is there."""
        self.ended = True
        assert self.transport is not None
        other = self._other
        if self.peer is None or other is None or other.is_closing() or self.peer.ended:
            self.close()
        elif self.gone():
            other.close()
            return False
        elif other.can_write_eof():
            other.write_eof()
        return True

    def gone(self) -> bool:
        """Whether whoever is at this end went away altogether, so that no answer reaches it."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other end too, after what was written to it has gone out (or after a while)."""
        self.ended = True
        self.close()
        if self.peer is not None and self._other is not None:
            asyncio.get_running_loop().call_later(LINGER_S, self.peer.abort_if_unsent)

    def abort_if_unsent(self) -> None:
        """The other end has been gone for a while: what could not be sent until now never will be."""

    def close(self) -> None:
        """Close both ends; what is buffered is still sent."""
        for transport in (self.transport, self._other):
            if transport is not None:
                transport.close()


class ClientHalf(Half):
    """The client's end."""

    def gone(self) -> bool:
        """A client that closed its socket reads no answer."""
        return self.transport is None or hung_up(self.transport)


class EngineHalf(Half):
    """The engine's end."""

    def eof_received(self) -> bool:
        """The answer is whole: let the client see its end, and do not wait for ever for its own."""
        stays = super().eof_received()
        asyncio.get_running_loop().call_later(LINGER_S, self._give_up)
        return stays

    def abort_if_unsent(self) -> None:
        """An engine that does not take what a vanished client sent is not waited for."""
        if self.transport is not None:
            self.transport.abort()

    def _give_up(self) -> None:
        if self.transport is None or hung_up(self.transport):
            self.close()


def tie(client: ClientHalf, engine: EngineHalf) -> None:
    """Make two halves one pipe."""
    client.peer, engine.peer = engine, client
