"""DNS: our names from the zone, everything else from upstream; listens on each leg."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from skerry.gate.board import Board
from skerry.gate.forward import Forwarder
from skerry.gate.shares import Quota
from skerry.gate.turns import Turns
from skerry.model.defaults import NAME_WAIT, SECOND

TTL_S = 1
"""Short: a dnsrr service's addresses change with every task."""

WAIT_S = NAME_WAIT / SECOND
"""How long an unknown name may take to appear; Docker's embedded resolver gives up after about 4 s."""

TCP_IDLE_S = 3.0
AT_ONCE = 2048
"""So many questions may be open on one leg."""
WAITING_OF_CLIENT = 128
"""So many questions of one client may wait for an answer of another server, or for a name to appear."""
STREAMS_OF_CLIENT = 64
READ_AT_A_TURN = 256
ANSWERED_AT_A_TURN = 8
QUESTION_LIMIT = 4096


class Answerer:
    """Turns one question into one answer."""

    def __init__(
        self, board: Board, forwarder: Forwarder, wait_s: float = WAIT_S, now: Callable[[], float] = time.time
    ) -> None:
        self._board = board
        self._forwarder = forwarder
        self._wait_s = wait_s
        self._now = now
        self._waiting = Quota(WAITING_OF_CLIENT)

    async def answer(self, wire: bytes, requester: str, leg: str, udp: bool = True) -> bytes | None:
        """The answer's wire form; None for what is not a question at all."""
        try:
            query = dns.message.from_wire(wire)
        except (dns.exception.DNSException, ValueError, struct.error):
            return None
        if query.flags & dns.flags.QR or len(query.question) != 1:
            return None
        response = await self._respond(query, requester, leg)
        limit = max(query.payload, 512) if udp else 65535
        try:
            return response.to_wire(max_size=limit)
        except dns.exception.TooBig:
            short = dns.message.make_response(query)
            short.flags |= dns.flags.TC
            return short.to_wire()

    async def _respond(self, query: dns.message.Message, requester: str, leg: str) -> dns.message.Message:
        question = query.question[0]
        if question.rdclass != dns.rdataclass.IN:
            return _refusal(query, dns.rcode.NOTIMP)
        ours = self._ours(query, requester, leg)
        if ours is not None and not self._nobody_yet(query, requester, leg):
            return ours
        if not self._waiting.enter(requester):
            return ours or _refusal(query, dns.rcode.SERVFAIL)
        try:
            return await self._wait(query, requester, leg, ours)
        finally:
            self._waiting.leave(requester)

    async def _wait(
        self, query: dns.message.Message, requester: str, leg: str, ours: dns.message.Message | None
    ) -> dns.message.Message:
        question = query.question[0]
        upstreams = () if ours else self._upstreams(requester, leg)
        asked = asyncio.ensure_future(self._forwarder.ask(query, upstreams))
        try:
            waits = ours is not None or _may_be_service(question.name)
            appeared = await self._appears(query, requester, leg) if waits else None
            answer = appeared or ours or await asked
        finally:
            asked.cancel()
        if answer is not None:
            return answer
        return _refusal(query, dns.rcode.NXDOMAIN if len(question.name.labels) <= 2 else dns.rcode.SERVFAIL)

    def _nobody_yet(self, query: dns.message.Message, requester: str, leg: str) -> bool:
        """Whether an address is asked of a dnsrr service without a ready task."""
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        zone = self._board.zone
        return question.rdtype == dns.rdatatype.A and zone.lookup(zone.asker(requester, leg), name) == ()

    def _ours(self, query: dns.message.Message, requester: str, leg: str) -> dns.message.Message | None:
        question = query.question[0]
        if question.rdtype == dns.rdatatype.PTR:
            return self._pointer(query, requester, leg)
        zone = self._board.zone
        found = zone.lookup(zone.asker(requester, leg), question.name.to_text(omit_final_dot=True))
        if found is None:
            return None
        response = _ours_response(query)
        if question.rdtype in (dns.rdatatype.A, dns.rdatatype.ANY) and found:
            # dnspython shuffles the addresses as it writes them
            response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", "A", *found))
        return response

    def _pointer(self, query: dns.message.Message, requester: str, leg: str) -> dns.message.Message | None:
        name = query.question[0].name
        try:
            address = str(IPv4Address(dns.reversename.to_address(name)))
        except (dns.exception.DNSException, AddressValueError, ValueError):
            return None
        zone = self._board.zone
        target = zone.name_of(zone.asker(requester, leg), address)
        if target is None:
            return None
        response = _ours_response(query)
        response.answer.append(dns.rrset.from_text(name, TTL_S, "IN", "PTR", f"{target}."))
        return response

    async def _appears(
        self, query: dns.message.Message, requester: str, leg: str
    ) -> dns.message.Message | None:
        clock = asyncio.get_running_loop().time
        until = clock() + self._wait_s
        while clock() < until and self._board.zone.may_appear(
            self._board.zone.asker(requester, leg), self._now()
        ):
            await self._board.newer(until - clock())
            found = self._ours(query, requester, leg)
            if found is not None and not self._nobody_yet(query, requester, leg):
                return found
        return None

    def _upstreams(self, requester: str, leg: str) -> tuple[str, ...]:
        zone = self._board.zone
        asker = zone.asker(requester, leg)
        servers = asker.nameservers or self._board.desired.upstreams
        return tuple(server for server in servers if server not in zone.legs and zone.may_ask(asker, server))


def _may_be_service(name: dns.name.Name) -> bool:
    return len(name.labels) == 2 or (len(name.labels) == 3 and name.labels[0].lower() == b"tasks")


def _ours_response(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query, recursion_available=True)
    response.flags |= dns.flags.AA
    return response


def _refusal(query: dns.message.Message, code: dns.rcode.Rcode) -> dns.message.Message:
    response = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(code)
    return response


class Datagrams:
    """DNS over UDP on one leg, by one non-blocking socket, which it owns."""

    def __init__(self, answerer: Answerer, leg: str, bound: socket.socket) -> None:
        self._answerer = answerer
        self._leg = leg
        self._bound = bound
        self._running: set[asyncio.Task[None]] = set()
        self._unread: Turns[tuple[bytes, tuple[str, int]]] = Turns(READ_AT_A_TURN)
        self._answering = False
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
        """Take what there is, cheaply: behind a flood of one client others have asked, too."""
        for _ in range(READ_AT_A_TURN):
            try:
                data, peer = self._bound.recvfrom(QUESTION_LIMIT)
            except OSError:  # nothing more; or word of an answer that nobody took
                break
            self._unread.put(peer[0], (data, peer))
        self._go_on()

    def _go_on(self) -> None:
        if self._unread and not self._answering:
            self._answering = True
            asyncio.get_running_loop().call_soon(self._answer)

    def _answer(self) -> None:
        self._answering = False
        for _ in range(ANSWERED_AT_A_TURN):
            if not self._unread:
                return
            data, peer = self._unread.take()
            if len(self._running) < AT_ONCE:  # a flood is dropped: who asked in earnest asks again
                task = asyncio.create_task(self._one(data, peer))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
        self._go_on()

    async def _one(self, data: bytes, peer: tuple[str, int]) -> None:
        answer = await self._answerer.answer(data, peer[0], self._leg)
        if answer is not None:
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
