"""The API's listening sockets, kept while skerryd is away.

skerryd connects to `<run>/gate.door`, is given the sockets that are kept, and gives those at which it serves.
While that connection lasts, the gate only holds them. After it, whoever connects to the API waits in the
kernel for the next skerryd; if that does not come for a while, the gate tells them, or hangs up where they
would expect TLS.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import structlog

from skerry.gate import socket_passing
from skerry.gate.relay import Acceptor
from skerry.gate.socket_passing import API, API_TLS, Inherited, Parcel

log = structlog.get_logger()

AWAY_S = 30.0
"""So long clients wait for skerryd before they are told that it is away: a restart takes a second or two."""
CLIENT_S = 5.0
"""How long a client that is told so may take to ask and to read."""
WORDS = b'{"message":"skerry\'s daemon does not answer: `skerry status` says why"}\n'
ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(WORDS), WORDS)
)


class Doorkeeper:
    """Holds the API's sockets; `away_s` after skerryd has gone it answers there itself."""

    def __init__(self, path: Path, inherited: Inherited, away_s: float = AWAY_S) -> None:
        self._path = path
        self._away_s = away_s
        self._kept = inherited.of(API, API_TLS)
        self._present: set[socket.socket] = set()
        """Connections of skerryd: usually one, and two for the moment in which one follows another."""
        self._host: Acceptor | None = None
        self._answering: list[Acceptor] = []
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Serve skerryd, in the place of a former gate."""
        self._host = Acceptor(socket_passing.listen(self._path), self._serve_skerryd, "door")
        self._wait_for_skerryd()

    async def _serve_skerryd(self, connection: socket.socket) -> None:
        """One skerryd, until its end or ours."""
        self._present.add(connection)
        self._stop_answering()
        try:
            with connection:
                await asyncio.to_thread(socket_passing.give, connection, self.parcel())
                self._keep(await asyncio.to_thread(socket_passing.take, connection))
                connection.setblocking(False)
                await asyncio.get_running_loop().sock_recv(connection, 1)
        finally:
            self._present.discard(connection)
            if not self._present and self._host is not None:
                self._wait_for_skerryd()

    def _keep(self, parcel: Parcel) -> None:
        """Keep what skerryd serves at now, and nothing else; without a word of it, what it was."""
        if parcel:
            self._let_go()
        for item, handle in parcel:
            self._kept[item] = socket.socket(fileno=handle)

    def _let_go(self) -> None:
        for kept in self._kept.values():
            kept.close()
        self._kept.clear()

    def _wait_for_skerryd(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._away_s, self._answer)

    def _answer(self) -> None:
        self._timer = None
        for item, kept in self._kept.items():
            where = item.key if item.kind == API_TLS else item.key.partition(":")[2]
            log.warning("skerryd is away: answering in its place", socket=where)
            listener = kept.dup()
            listener.setblocking(False)
            answer = self._hang_up if item.kind == API_TLS else self._turn_away
            self._answering.append(Acceptor(listener, answer, item.kind))

    def _stop_answering(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for acceptor in self._answering:
            acceptor.stop_listening()
        self._answering.clear()

    async def _hang_up(self, client: socket.socket) -> None:
        client.close()

    async def _turn_away(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with client, suppress(TimeoutError):
            async with asyncio.timeout(CLIENT_S):
                await loop.sock_recv(client, 1 << 16)
                await loop.sock_sendall(client, ANSWER)
                client.shutdown(socket.SHUT_WR)
                while await loop.sock_recv(client, 1 << 16):  # a close with bytes unread is a reset
                    pass

    def parcel(self) -> Parcel:
        """The sockets, for skerryd or another gate."""
        return [(item, kept.fileno()) for item, kept in self._kept.items()]

    def release(self) -> None:
        """Close the sockets here: another gate has them, or nobody shall."""
        host, self._host = self._host, None
        if host is not None:
            host.stop_listening()
        for connection in self._present:
            with suppress(OSError):  # wakes whoever reads there, also in a thread
                connection.shutdown(socket.SHUT_RDWR)
        self._stop_answering()
        self._let_go()

    def stop(self) -> None:
        """Let go, and leave no file."""
        self.release()
        self._path.unlink(missing_ok=True)
