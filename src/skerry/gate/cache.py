"""What upstream servers answered lately, as long as the records say, within bounds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

ENTRIES = 2048
SIZE = 4096
"""A longer answer is not kept."""
LONGEST_S = 300
LONGEST_DENIAL_S = 60
FAILURE_S = 1
"""So long nobody is asked again after a failure: many ask for the same, and at once."""


class Question(NamedTuple):
    """Whatever makes two questions to upstream servers the same."""

    name: dns.name.Name
    kind: dns.rdatatype.RdataType
    flags: int
    """RD, AD and CD, as the client sent them."""
    edns: bool
    dnssec: bool
    """Whether the client wants signatures: the DO bit."""
    servers: tuple[str, ...]


class Answer(NamedTuple):
    """What is known about a question: a message with what is left of its TTLs, or (None) nothing."""

    message: dns.message.Message | None
    until: float = 0.0
    """When (in the event loop's time) the TTLs are others."""


class _Entry(NamedTuple):
    wire: bytes
    since: float
    lifetime: int


class Cache:
    """Answers by their question. `clock` is the event loop's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[Question, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, question: Question) -> Answer | None:
        """The answer, if it is kept and still good."""
        entry = self._entries.get(question)
        if entry is None:
            return None
        age = int(self._clock() - entry.since)
        if age >= entry.lifetime:
            del self._entries[question]
            return None
        self._entries.move_to_end(question)
        if not entry.wire:
            return Answer(None)
        message = dns.message.from_wire(entry.wire, one_rr_per_rrset=True)
        for rrset in _records(message):
            rrset.ttl = max(rrset.ttl - age, 0)
        return Answer(message, entry.since + age + 1)

    def put(self, question: Question, message: dns.message.Message | None) -> None:
        """Keep an answer, or that there was none."""
        wire = message.to_wire() if message else b""
        lifetime = lifetime_of(message)
        if lifetime > 0 and len(wire) <= SIZE:
            self._entries[question] = _Entry(wire, self._clock(), lifetime)
            self._entries.move_to_end(question)
            if len(self._entries) > ENTRIES:
                self._entries.popitem(last=False)


def lifetime_of(message: dns.message.Message | None) -> int:
    """How many seconds an answer may be given again."""
    if message is None or message.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return FAILURE_S
    if message.flags & dns.flags.TC:
        return 0
    if message.rcode() == dns.rcode.NOERROR and message.answer:
        return min((LONGEST_S, *(rrset.ttl for rrset in message.answer)))
    for rrset in message.authority:
        if rrset.rdtype == dns.rdatatype.SOA:
            return min(rrset.ttl, int(rrset[0].minimum), LONGEST_DENIAL_S)
    return FAILURE_S


def _records(message: dns.message.Message) -> Iterator[dns.rrset.RRset]:
    for section in (message.answer, message.authority, message.additional):
        yield from section
