"""Replies in the form of the wire, kept so that a question that comes again costs next to nothing.

A reply is the same for everybody who asks with the same bytes, but for the ID, and for the order of the
addresses, which is another one each time.
"""

from __future__ import annotations

import random
import struct
from collections import OrderedDict
from math import inf
from typing import NamedTuple

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

from skerry.model.family import packed

KEPT = 4096
"""So many replies are kept; the one not used for longest goes first."""
KEPT_SIZE = 4096
"""A longer one is not kept."""

_OPT_SIZE = 11
_RECORD = {dns.rdatatype.A: struct.Struct("!HHHIH4s"), dns.rdatatype.AAAA: struct.Struct("!HHHIH16s")}
_TO_QUESTION = 0xC00C
"""A name that is the question's: a pointer to where it stands."""


class Reply(NamedTuple):
    """One reply without its ID. `records` are of equal length, `size`, and `fitting` of them are sent."""

    head: bytes
    records: bytes = b""
    fitting: int = 0
    tail: bytes = b""
    until: float = inf
    """When (in the event loop's time) it stops being right by itself."""
    size: int = 1

    def wire(self, ident: bytes) -> bytes:
        """The whole, in answer to the question of that ID; the records begin anywhere."""
        records = self.records
        if len(records) > self.size:
            at = random.randrange(len(records) // self.size) * self.size
            records = records[at:] + records[:at]
        return ident + self.head + records[: self.fitting * self.size] + self.tail


def reply_of(response: dns.message.Message, limit: int, until: float = inf) -> Reply:
    """The reply that says what a response says in at most `limit` bytes, cut (TC) where it is longer."""
    answer = response.answer
    if len(answer) == 1 and answer[0].rdtype in _RECORD and answer[0].name == response.question[0].name:
        return _of_addresses(response, answer[0], limit, until)
    return Reply(response.to_wire(max_size=limit, prefer_truncation=True)[2:], until=until)


def _of_addresses(
    response: dns.message.Message, addresses: dns.rrset.RRset, limit: int, until: float
) -> Reply:
    """Addresses of the question's own name: as many as fit are more of use than none."""
    bare = _bare(response)
    rest = len(bare.to_wire(max_size=limit))
    form, first = _RECORD[addresses.rdtype], (addresses.rdtype, addresses.rdclass, addresses.ttl)
    octets = [packed(record.address) for record in addresses]
    records = [form.pack(_TO_QUESTION, *first, len(own), own) for own in octets]
    count = min(len(records), (limit - rest) // form.size)
    if count < len(records):
        bare.flags |= dns.flags.TC
    wire = bare.to_wire(max_size=limit)
    end = len(wire) - (_OPT_SIZE if bare.opt else 0)
    head = wire[2:6] + struct.pack("!H", count) + wire[8:end]
    return Reply(head, b"".join(records), count, wire[end:], until, form.size)


def _bare(response: dns.message.Message) -> dns.message.Message:
    """Its header, question and OPT."""
    bare = dns.message.Message(id=response.id)
    bare.flags = response.flags
    bare.question = response.question
    bare.opt = response.opt
    bare.request_payload = response.request_payload
    return bare


class Replies:
    """The replies that were given lately, by who asked what, where."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, bool, bytes], Reply] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, requester: str, leg: str, udp: bool, wire: bytes, now: float) -> bytes | None:
        """The reply to a question, if it is kept and still right."""
        key = requester, leg, udp, wire[2:]
        reply = self._kept.get(key)
        if reply is None or reply.until <= now:
            return None
        self._kept.move_to_end(key)
        return reply.wire(wire[:2])

    def put(self, requester: str, leg: str, udp: bool, wire: bytes, reply: Reply) -> None:
        """Keep a reply."""
        if len(wire) + len(reply.head) + len(reply.records) > KEPT_SIZE:
            return
        self._kept[requester, leg, udp, wire[2:]] = reply
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all: the names are others now."""
        self._kept.clear()
