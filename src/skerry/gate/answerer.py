"""Answers to DNS questions: our names from the zone, everything else from upstream.

What is answered is written down in docs/names.md.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from ipaddress import ip_address
from math import inf

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from skerry.gate.cache import Answer
from skerry.gate.desired_state import DesiredState
from skerry.gate.forward import PAYLOAD, Forwarder
from skerry.gate.reply import Replies, reply_of
from skerry.gate.shares import Places
from skerry.model.defaults import NAME_WAIT, SECOND
from skerry.model.family import FOUR, SIX, family_of
from skerry.model.traffic import Client

TTL_S = 1
"""Short: a dnsrr service's addresses change with every task."""

WAIT_S = NAME_WAIT / SECOND
"""How long an unknown name may take to appear; Docker's embedded resolver gives up after about 4 s."""
PART_OF_TIMEOUT = 0.8

WAITING, WAITING_OF_CLIENT, WAITING_AT_LEAST = 1024, 128, 16
"""So many questions may wait for another server, or for a name to appear; so many of one client; and so many
of each client whatever the others have."""

KINDS = {FOUR: dns.rdatatype.A, SIX: dns.rdatatype.AAAA}
"""What asks for addresses of each family."""

UDP_LEAST = 512
TCP_MOST = 65535
EXTENDED = 16
"""From here on a code needs EDNS, and is between an upstream server and us."""
_HEADER = struct.Struct("!6H")


class Answerer:
    """Turns one question into one answer."""

    def __init__(
        self,
        state: DesiredState,
        forwarder: Forwarder,
        wait_s: float = WAIT_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._forwarder = forwarder
        self._wait_s = wait_s
        self._now = now
        self._waiting = Places(WAITING, WAITING_OF_CLIENT, WAITING_AT_LEAST)
        self._replies = Replies()
        state.on_post(self._replies.clear)

    def at_once(self, wire: bytes, requester: str, leg: str, udp: bool = True) -> bytes | None:
        """The answer to a question that was asked before, if it still is the answer."""
        return self._replies.get(requester, leg, udp, wire, asyncio.get_running_loop().time())

    async def answer(self, wire: bytes, requester: str, leg: str, udp: bool = True) -> bytes | None:
        """The answer's wire form; None for what is not a question at all."""
        at_once = self.at_once(wire, requester, leg, udp)
        if at_once is not None:
            return at_once
        if len(wire) < _HEADER.size or wire[2] & 0x80:
            return None
        query = _parsed(wire)
        if isinstance(query, dns.rcode.Rcode):
            return _header(wire, query)
        if query.edns > 0:
            return _refusal(query, dns.rcode.BADVERS).to_wire()
        zone = self._state.zone
        response, until = await self._respond(query, requester, leg)
        reply = reply_of(response, _limit(query, udp), until)
        if zone is self._state.zone and until > asyncio.get_running_loop().time():
            self._replies.put(requester, leg, udp, wire, reply)
        return reply.wire(wire[:2])

    async def _respond(
        self, query: dns.message.Message, requester: str, leg: str
    ) -> tuple[dns.message.Message, float]:
        """The response, and until when (in the event loop's time) it stays the same."""
        if query.question[0].rdclass != dns.rdataclass.IN:
            return _refusal(query, dns.rcode.NOTIMP), inf
        ours = self._ours(query, requester, leg)
        if ours is not None and (_is_settled(ours) or not self._may_appear(requester, leg)):
            return ours, inf
        if self._forwarder.comes_back(query) or not self._waiting.enter(requester):
            return ours or _refusal(query, dns.rcode.SERVFAIL), 0.0
        try:
            return await self._wait(query, requester, leg, forwards=ours is None)
        finally:
            self._waiting.leave(requester)

    async def _wait(
        self, query: dns.message.Message, requester: str, leg: str, forwards: bool
    ) -> tuple[dns.message.Message, float]:
        """Wait for a name of ours to appear, and meanwhile for an upstream server."""
        upstreams = self._upstreams(requester, leg) if forwards else ()
        asking = asyncio.ensure_future(self._forwarder.ask(query, upstreams, self._state.desired.resolver))
        try:
            if not forwards or _may_be_service(query.question[0].name):
                await self._appears(query, requester, leg)
            ours = self._ours(query, requester, leg)
            if ours is not None:
                return ours, inf
            return _relayed(query, await asking)
        finally:
            asking.cancel()

    async def _appears(self, query: dns.message.Message, requester: str, leg: str) -> None:
        clock = asyncio.get_running_loop().time
        # who asks waits as long as the resolv.conf says, and shall hear that there is no such name
        until = clock() + min(self._wait_s, PART_OF_TIMEOUT * self._state.desired.resolver.timeout_s)
        while clock() < until and self._may_appear(requester, leg):
            await self._state.newer(until - clock())
            ours = self._ours(query, requester, leg)
            if ours is not None and _is_settled(ours):
                return

    def _may_appear(self, requester: str, leg: str) -> bool:
        zone = self._state.zone
        return zone.may_appear(zone.asker(requester, leg), self._now())

    def _ours(self, query: dns.message.Message, requester: str, leg: str) -> dns.message.Message | None:
        """What we say to a question; None where others may know."""
        zone, question = self._state.zone, query.question[0]
        asker = zone.asker(requester, leg)
        if question.rdtype == dns.rdatatype.PTR and (address := _reversed(question.name)):
            return self._pointer(query, asker, address)
        name = question.name.to_text(omit_final_dot=True)
        addresses = zone.lookup(asker, name)
        if addresses is None:
            return _refusal(query, dns.rcode.NXDOMAIN) if zone.denies(asker, name) else None
        response = _response(query)
        for family, kind in KINDS.items():
            own = [address for address in addresses if family_of(address) is family]
            if own and question.rdtype in (kind, dns.rdatatype.ANY):
                response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", kind, *own))
        return response

    def _pointer(self, query: dns.message.Message, asker: Client, address: str) -> dns.message.Message | None:
        zone = self._state.zone
        target = zone.name_of(asker, address)
        if target is None:
            return _refusal(query, dns.rcode.NXDOMAIN) if zone.sees(asker, address) else None
        response = _response(query)
        response.answer.append(dns.rrset.from_text(query.question[0].name, TTL_S, "IN", "PTR", f"{target}."))
        return response

    def _upstreams(self, requester: str, leg: str) -> tuple[str, ...]:
        zone = self._state.zone
        asker = zone.asker(requester, leg)
        servers = asker.nameservers or self._state.desired.upstreams
        return tuple(server for server in servers if server not in zone.legs and zone.may_ask(asker, server))


def _parsed(wire: bytes) -> dns.message.Message | dns.rcode.Rcode:
    """The one question of a message; or why it is none."""
    if wire[2] >> 3 & 0xF != dns.opcode.QUERY:
        return dns.rcode.NOTIMP
    try:
        query = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError, struct.error):
        return dns.rcode.FORMERR
    return query if len(query.question) == 1 else dns.rcode.FORMERR


def _header(wire: bytes, code: dns.rcode.Rcode) -> bytes:
    """A refusal of what cannot be read any further."""
    ident, flags = struct.unpack_from("!HH", wire)
    return _HEADER.pack(ident, 0x8000 | flags & 0x7900 | code, 0, 0, 0, 0)


def _limit(query: dns.message.Message, udp: bool) -> int:
    """How long the answer may be: without EDNS 512 bytes, and with it what passes everywhere."""
    if not udp:
        return TCP_MOST
    return min(max(query.payload, UDP_LEAST), PAYLOAD) if query.edns >= 0 else UDP_LEAST


def _is_settled(ours: dns.message.Message) -> bool:
    """Whether a response of ours does not change by waiting for what a deploy brings."""
    kind = ours.question[0].rdtype
    if ours.answer or kind == dns.rdatatype.PTR:
        return True
    return ours.rcode() == dns.rcode.NOERROR and kind != dns.rdatatype.A


def _may_be_service(name: dns.name.Name) -> bool:
    return len(name.labels) == 2 or (len(name.labels) == 3 and name.labels[0].lower() == b"tasks")


def _reversed(name: dns.name.Name) -> str | None:
    """The address that a reverse name stands for."""
    try:
        return str(ip_address(dns.reversename.to_address(name)))
    except (dns.exception.DNSException, ValueError):
        return None


def _response(query: dns.message.Message) -> dns.message.Message:
    """A response of ours, still empty."""
    response = _skeleton(query)
    response.flags |= dns.flags.AA
    return response


def _refusal(query: dns.message.Message, code: dns.rcode.Rcode) -> dns.message.Message:
    response = _skeleton(query)
    response.set_rcode(code)
    return response


def _relayed(query: dns.message.Message, answer: Answer) -> tuple[dns.message.Message, float]:
    """What an upstream server said, as the response to this question."""
    message = answer.message
    if message is None:
        single = len(query.question[0].name.labels) <= 2
        return _refusal(query, dns.rcode.NXDOMAIN if single else dns.rcode.SERVFAIL), 0.0
    response = _skeleton(query)
    response.flags |= message.flags & dns.flags.AD
    response.set_rcode(message.rcode() if message.rcode() < EXTENDED else dns.rcode.SERVFAIL)
    response.answer, response.authority = message.answer, message.authority
    response.additional = message.additional
    return response, answer.until


def _skeleton(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query, recursion_available=True, our_payload=PAYLOAD, pad=0)
    response.flags |= query.flags & dns.flags.CD
    response.ednsflags |= query.ednsflags & dns.flags.DO
    return response
