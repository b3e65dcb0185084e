"""DNS on a leg: UDP and TCP, each client in its turn."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

from skerry.gate.answerer import Answerer
from skerry.gate.shares import Quota
from skerry.gate.turns import Turns

TCP_IDLE_S = 3.0
AT_ONCE = 2048
"""So many questions may be open on one leg."""
STREAMS_OF_CLIENT = 64
READ_AT_A_TURN = 256
ANSWERED_AT_A_TURN = 16
QUESTION_LIMIT = 4096
BUFFER = 4 * 1024 * 1024
"""What the kernel keeps of a flood until each client had its turn."""
SO_RCVBUFFORCE = 33


class Datagrams:
    """DNS over UDP on one leg, by one non-blocking socket, which it owns."""

    def __init__(self, answerer: Answerer, leg: str, bound: socket.socket) -> None:
        self._answerer = answerer
        self._leg = leg
        self._bound = bound
        self._running: set[asyncio.Task[None]] = set()
        self._unread: Turns[tuple[bytes, tuple[str, int]]] = Turns(READ_AT_A_TURN)
        self._answering = False
        with suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        asyncio.get_running_loop().add_reader(bound, self._readable)

    @property
    def handle(self) -> int:
        """The socket's descriptor."""
        return self._bound.fileno()

    @property
    def waiting(self) -> int:
        """How many questions have no answer yet."""
        return len(self._running)

    def _readable(self) -> None:
        """Answer one at once: most come alone. What else there is is taken first, cheaply: behind a flood of
        one client others have asked, too."""
        if not self._unread:
            question = self._read()
            if question is None:
                return
            self._serve(*question)
        for _ in range(READ_AT_A_TURN):
            question = self._read()
            if question is None:
                break
            self._unread.put(question[1][0], question)
        if not self._answering:
            self._answer()

    def _read(self) -> tuple[bytes, tuple[str, int]] | None:
        """A question and its client; None where there is nothing more, or only word of an answer that nobody
        took."""
        try:
            return self._bound.recvfrom(QUESTION_LIMIT)
        except OSError:
            return None

    def _go_on(self) -> None:
        if self._unread and not self._answering:
            self._answering = True
            asyncio.get_running_loop().call_soon(self._answer)

    def _answer(self) -> None:
        """Answer some of those that wait, each client in its turn, and leave the rest to the next turn of
        the loop."""
        self._answering = False
        for _ in range(ANSWERED_AT_A_TURN):
            if not self._unread:
                return
            self._serve(*self._unread.take())
        self._go_on()

    def _serve(self, question: bytes, peer: tuple[str, int]) -> None:
        answer = self._answerer.at_once(question, peer[0], self._leg)
        if answer is not None:
            self._send(answer, peer)
        elif len(self._running) < AT_ONCE:  # a flood is dropped: who asked in earnest asks again
            task = asyncio.create_task(self._answer_later(question, peer))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _answer_later(self, data: bytes, peer: tuple[str, int]) -> None:
        answer = await self._answerer.answer(data, peer[0], self._leg)
        if answer is not None:
            self._send(answer, peer)

    def _send(self, answer: bytes, peer: tuple[str, int]) -> None:
        with suppress(OSError):
            self._bound.sendto(answer, peer)

    async def finish(self) -> None:
        """Take no more questions, answer those that came, close."""
        asyncio.get_running_loop().remove_reader(self._bound)
        while self._unread or self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
            await asyncio.sleep(0)
        self._bound.close()

    def close(self) -> None:
        """Close at once."""
        self._unread = Turns(0)
        asyncio.get_running_loop().remove_reader(self._bound)
        for task in self._running:
            task.cancel()
        self._bound.close()


async def serve_stream(answerer: Answerer, leg: str, quota: Quota, connection: socket.socket) -> None:
    """DNS over one TCP connection, until it is idle or ends. Owns the connection. `quota`: by client."""
    requester = str(connection.getpeername()[0])
    if not quota.enter(requester):
        connection.close()
        return
    try:
        await _serve_stream(answerer, leg, requester, connection)
    finally:
        quota.leave(requester)


async def _serve_stream(answerer: Answerer, leg: str, requester: str, connection: socket.socket) -> None:
    """Answer one question after another, until none comes for a while."""
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        while True:
            async with asyncio.timeout(TCP_IDLE_S):
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                wire = await reader.readexactly(length)
            answer = await answerer.answer(wire, requester, leg, udp=False)
            if answer is None:
                break
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):  # TimeoutError is an OSError
        pass
    finally:
        writer.close()
