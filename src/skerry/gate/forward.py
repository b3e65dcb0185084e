"""Forward questions that are not ours, from the host's namespace.

Servers are asked in turn, as the machine's resolv.conf says; one that does not answer comes last for a while.
Who asks for what is being asked for already waits for the same answer.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import structlog

from skerry.gate.cache import Answer, Cache, Question
from skerry.gate.message import ResolverOptions

log = structlog.get_logger()

BUDGET_S = 4.0
"""All servers and attempts together: a container's resolver waits for 5 s."""
LEAST_S = 0.5
"""However many servers and attempts there are, each may take so long."""
SERVERS = 3
ATTEMPTS = 5
"""The C library takes no more of either."""
BEHIND_S = 30.0
"""So long a server that did not answer comes after the others."""
PORT = 53
LONGEST = 65535
PAYLOAD = 1232
"""The most that an answer over UDP has: it passes everywhere in one piece."""
PASSED_ON = dns.flags.RD | dns.flags.AD | dns.flags.CD
_UNREADABLE = (dns.exception.DNSException, ValueError, struct.error)
_NEXT = {dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP}


class Forwarder:
    """Asks upstream servers: UDP first, TCP for a truncated answer, within one budget."""

    def __init__(self, budget_s: float = BUDGET_S, port: int = PORT) -> None:
        self._budget_s = budget_s
        self._port = port
        self._cache = Cache(lambda: asyncio.get_running_loop().time())
        self._asking: dict[Question, asyncio.Task[Answer]] = {}
        self._behind: dict[str, float] = {}
        self._sent: dict[tuple[tuple[bytes, ...], int], str] = {}
        """The spelling of each name under way, to its server."""

    async def ask(
        self, query: dns.message.Message, servers: Sequence[str], options: ResolverOptions
    ) -> Answer:
        """The first answer of any server; none if nobody answers in time."""
        question = _question(query, tuple(servers[:SERVERS]))
        if not question.servers:
            return Answer(None)
        answer = self._cache.get(question)
        if answer is not None:
            return answer
        asking = self._asking.get(question)
        if asking is None:
            asking = self._asking[question] = asyncio.create_task(self._ask(question, options))
            asking.add_done_callback(lambda _: self._asking.pop(question))
        return await asyncio.shield(asking)

    def comes_back(self, query: dns.message.Message) -> bool:
        """Whether a question is one that we sent ourselves: a server leads back to us.

        Letters of either case, at random, are in the names that we send: nobody else asks like that.
        """
        name = query.question[0].name
        server = self._sent.get(_spelling(query))
        if server is None or all(label == label.lower() for label in name.labels):
            return False
        log.warning("a nameserver asks the gate what the gate asks it: it is passed over", server=server)
        return True

    async def _ask(self, question: Question, options: ResolverOptions) -> Answer:
        """Ask the servers in turn until one has an answer that is none of `_NEXT`, within the budget; the
        cache keeps failures, too."""
        query = _query(question)
        spelling = _spelling(query)
        failure: dns.message.Message | None = None
        try:
            async with asyncio.timeout(self._budget_s):
                for server, timeout_s in self._tries(question.servers, options):
                    self._sent[spelling] = server
                    message = await self._ask_one(query, server, timeout_s)
                    if message is not None and message.rcode() not in _NEXT:
                        self._cache.put(question, message)
                        return Answer(message, asyncio.get_running_loop().time() + 1)
                    failure = message or failure
        except TimeoutError:
            pass
        finally:
            self._sent.pop(spelling, None)
        self._cache.put(question, failure)
        return Answer(failure)

    def _tries(self, servers: Sequence[str], options: ResolverOptions) -> Iterator[tuple[str, float]]:
        """Whom to ask, one after another, and how long to wait for each."""
        at = random.randrange(len(servers)) if options.rotate else 0
        now = asyncio.get_running_loop().time()
        order = sorted((*servers[at:], *servers[:at]), key=lambda server: self._behind.get(server, 0.0) > now)
        attempts = min(max(options.attempts, 1), ATTEMPTS)
        share_s = max(self._budget_s / (len(order) * attempts), LEAST_S)
        for _ in range(attempts):
            for server in order:
                yield server, min(options.timeout_s, share_s)

    async def _ask_one(
        self, query: dns.message.Message, server: str, timeout_s: float
    ) -> dns.message.Message | None:
        """One server's answer, by TCP where it was truncated; None where it gave none, and it is asked last
        for a while."""
        try:
            async with asyncio.timeout(timeout_s):
                answer = await _exchange(query, server, self._port)
                if answer.flags & dns.flags.TC:
                    answer = await _exchange_whole(query, server, self._port)
        except (OSError, EOFError, *_UNREADABLE):
            self._behind[server] = asyncio.get_running_loop().time() + BEHIND_S
            return None
        self._behind.pop(server, None)
        return answer


async def _exchange(query: dns.message.Message, server: str, port: int) -> dns.message.Message:
    """One question and its answer by a connected socket, which hears at once where nobody listens."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as connected:
        await loop.sock_connect(connected, (server, port))
        await loop.sock_sendall(connected, query.to_wire())
        while True:
            wire = await loop.sock_recv(connected, LONGEST)
            with suppress(*_UNREADABLE):
                answer = _read(wire)
                if query.is_response(answer):
                    return answer


async def _exchange_whole(query: dns.message.Message, server: str, port: int) -> dns.message.Message:
    """The same over TCP, for an answer that was too long. Raises ValueError where the answer is another's."""
    reader, writer = await asyncio.open_connection(server, port)
    try:
        writer.write(query.to_wire(prepend_length=True))
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = _read(await reader.readexactly(length))
    finally:
        writer.close()
    if not query.is_response(answer):
        raise ValueError("an answer to another question")
    return answer


def _read(wire: bytes) -> dns.message.Message:
    return dns.message.from_wire(wire, ignore_trailing=True, one_rr_per_rrset=True)


def _question(query: dns.message.Message, servers: tuple[str, ...]) -> Question:
    question = query.question[0]
    dnssec = bool(query.ednsflags & dns.flags.DO)
    flags = query.flags & PASSED_ON
    return Question(question.name, question.rdtype, flags, query.edns >= 0, dnssec, servers)


def _query(question: Question) -> dns.message.Message:
    """A message of our own: what a client adds to its question is between the client and us."""
    query = dns.message.make_query(_misspelt(question.name), question.kind, dns.rdataclass.IN, use_edns=False)
    query.flags = dns.flags.Flag(question.flags)
    if question.edns:
        query.use_edns(0, dns.flags.DO if question.dnssec else 0, PAYLOAD)
    return query


def _misspelt(name: dns.name.Name) -> dns.name.Name:
    """The same name to any server; of its letters some are capitals, one at least."""
    capitals = [label.upper() for label in name.labels]
    small = [label.lower() for label in name.labels]
    mixed = [bytes(map(random.choice, zip(*pair, strict=True))) for pair in zip(capitals, small, strict=True)]
    return dns.name.Name(capitals if mixed == small else mixed)


def _spelling(query: dns.message.Message) -> tuple[tuple[bytes, ...], int]:
    question = query.question[0]
    return question.name.labels, question.rdtype
