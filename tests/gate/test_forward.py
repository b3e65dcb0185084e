"""Upstream servers, real ones on loopback: asked in turn, and what they said is kept."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from skerry.gate.cache import (
    ENTRIES,
    FAILURE_S,
    LONGEST_DENIAL_S,
    LONGEST_S,
    Answer,
    Cache,
    Question,
    lifetime_of,
)
from skerry.gate.forward import Forwarder
from skerry.gate.message import ResolverOptions
from tests.gate.nameserver import Nameserver, Say, nameserver
from tests.gate.nameservers import saying, says

pytestmark = pytest.mark.timeout(30)

A, B = "127.0.0.61", "127.0.0.62"
OPTIONS = ResolverOptions()


def mute(query: dns.message.Message) -> None:
    return None


def query_of(name: str = "www.example.org", kind: str = "A", **options: bool) -> dns.message.Message:
    return dns.message.make_query(name, kind, **options)  # type: ignore[arg-type]


def address_of(answer: Answer) -> str | None:
    return answer.message.answer[0][0].address if answer.message and answer.message.answer else None


@pytest.mark.parametrize(
    ("first", "options", "others"),
    [
        (says(A, code=dns.rcode.SERVFAIL), OPTIONS, 1),
        (says(A, code=dns.rcode.REFUSED), OPTIONS, 1),
        (mute, OPTIONS, 1),
        (says(A), OPTIONS, 0),
        (says(A, code=dns.rcode.NXDOMAIN), OPTIONS, 0),
    ],
)
async def test_the_next_server_is_asked_where_one_fails(
    first: Say, options: ResolverOptions, others: int
) -> None:
    async with nameserver(A, first) as (_, port), nameserver(B, says(B), port) as (second, _):
        answer = await Forwarder(budget_s=2.0, port=port).ask(query_of(), (A, B), options)
        assert len(second.questions) == others
        assert (address_of(answer) == B) == bool(others)


async def test_a_server_that_is_silent_comes_last_until_it_answers() -> None:
    async with nameserver(A, mute) as (first, port), nameserver(B, says(B), port) as (second, _):
        forwarder = Forwarder(budget_s=2.0, port=port)
        for number in range(4):
            assert address_of(await forwarder.ask(query_of(f"x{number}.org"), (A, B), OPTIONS)) == B
        assert (len(first.questions), len(second.questions)) == (1, 4)
        first.say, second.say = says(A), mute
        assert address_of(await forwarder.ask(query_of("y.org"), (A, B), OPTIONS)) == A
        assert address_of(await forwarder.ask(query_of("z.org"), (A, B), OPTIONS)) == A


async def test_where_nobody_listens_the_next_is_asked_at_once() -> None:
    async with nameserver(B, says(B)) as (_, port):
        assert address_of(await Forwarder(budget_s=60.0, port=port).ask(query_of(), (A, B), OPTIONS)) == B


async def test_attempts_and_their_time_are_the_machines() -> None:
    async with nameserver(A, mute) as (server, port):
        options = ResolverOptions(timeout_s=0.05, attempts=3)
        assert (await Forwarder(budget_s=20.0, port=port).ask(query_of(), (A,), options)).message is None
        assert len(server.questions) == 3


async def test_rotate_asks_all_of_them() -> None:
    async with nameserver(A, says(A)) as (first, port), nameserver(B, says(B), port) as (second, _):
        forwarder = Forwarder(port=port)
        for number in range(40):
            await forwarder.ask(query_of(f"x{number}.org"), (A, B), ResolverOptions(rotate=True))
        assert min(len(first.questions), len(second.questions)) > 0


async def test_a_truncated_answer_is_asked_for_again_by_tcp() -> None:
    def many(query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        addresses = [f"10.9.{n // 250}.{n % 250}" for n in range(300)]
        response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", *addresses))
        return response

    async with nameserver(A, many) as (server, port):
        answer = await Forwarder(port=port).ask(query_of(), (A,), OPTIONS)
        assert answer.message is not None
        assert (len(answer.message.answer), server.streams) == (300, 1)


async def test_who_asks_for_the_same_at_the_same_time_asks_once() -> None:
    async with nameserver(A, says(A)) as (server, port):
        forwarder = Forwarder(port=port)
        names = ["www.example.org", "WWW.example.org."] * 20
        answers = await asyncio.gather(*(forwarder.ask(query_of(name), (A,), OPTIONS) for name in names))
        assert {address_of(answer) for answer in answers} == {A}
        assert len(server.questions) == 1


@pytest.mark.parametrize(
    ("other", "questions"),
    [
        ({}, 1),
        ({"name": "WWW.EXAMPLE.org"}, 1),
        ({"kind": "AAAA"}, 2),
        ({"want_dnssec": True}, 2),
        ({"use_edns": True}, 2),
    ],
)
async def test_what_was_said_is_kept_by_question(other: dict[str, Any], questions: int) -> None:
    async with nameserver(A, says(A)) as (server, port):
        forwarder = Forwarder(port=port)
        await forwarder.ask(query_of(), (A,), OPTIONS)
        await forwarder.ask(query_of(**other), (A,), OPTIONS)
        assert len(server.questions) == questions


async def test_other_servers_are_asked_themselves() -> None:
    async with nameserver(A, says(A)) as (_, port), nameserver(B, says(B), port):
        forwarder = Forwarder(port=port)
        assert address_of(await forwarder.ask(query_of(), (A,), OPTIONS)) == A
        assert address_of(await forwarder.ask(query_of(), (B,), OPTIONS)) == B


async def test_dnssec_bits_go_there_and_nothing_else_of_the_client() -> None:
    async with nameserver(A, says(A)) as (server, port):
        query = query_of(want_dnssec=True)
        query.flags |= dns.flags.CD | dns.flags.AD
        query.use_edns(
            0,
            dns.flags.DO,
            4096,
            options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"cookie!!")],
        )
        await Forwarder(port=port).ask(query, (A,), OPTIONS)
        sent = server.questions[0]
        assert sent.flags & (dns.flags.CD | dns.flags.AD) == dns.flags.CD | dns.flags.AD
        assert (sent.ednsflags & dns.flags.DO, sent.payload, sent.options) == (dns.flags.DO, 1232, ())


async def test_a_question_that_comes_back_is_known_and_a_clients_is_not() -> None:
    """The server asks whoever asked it: a loop."""

    loops: list[bool] = []

    def say(query: dns.message.Message) -> dns.message.Message | None:
        loops.append(forwarder.comes_back(query))
        loops.append(forwarder.comes_back(query_of()))
        return says(A)(query)

    async with nameserver(A, say) as (server, port):
        forwarder = Forwarder(port=port)
        await forwarder.ask(query_of(), (A,), OPTIONS)
        assert loops == [True, False]
        assert not forwarder.comes_back(server.questions[0])


@pytest.mark.parametrize(
    ("message", "lifetime"),
    [
        (None, FAILURE_S),
        (saying(A, ttl=60), 60),
        (saying(A, ttl=0), 0),
        (saying(A, ttl=86400), LONGEST_S),
        (saying(A, code=dns.rcode.SERVFAIL), FAILURE_S),
        (saying(A, code=dns.rcode.NXDOMAIN), FAILURE_S),
    ],
)
def test_how_long_an_answer_is_kept(message: dns.message.Message | None, lifetime: int) -> None:
    assert lifetime_of(message) == lifetime


@pytest.mark.parametrize(
    ("ttl", "minimum", "lifetime"), [(30, 20, 20), (10, 20, 10), (9000, 9000, LONGEST_DENIAL_S)]
)
def test_a_denial_is_kept_as_its_soa_says(ttl: int, minimum: int, lifetime: int) -> None:
    for code in (dns.rcode.NXDOMAIN, dns.rcode.NOERROR):
        message = dns.message.make_response(query_of())
        message.set_rcode(code)
        soa = f"ns.example.org. root.example.org. 1 2 3 4 {minimum}"
        message.authority.append(dns.rrset.from_text("example.org.", ttl, "IN", "SOA", soa))
        assert lifetime_of(message) == lifetime


def test_ttls_are_counted_down_and_end() -> None:
    now = [1000.0]
    cache = Cache(lambda: now[0])
    asked = query_of().question[0]
    question = Question(asked.name, asked.rdtype, 0, False, False, (A,))
    cache.put(question, saying(A, ttl=10))
    ttls = []
    for at in (1000.0, 1000.9, 1004.0, 1009.9, 1010.0):
        now[0] = at
        answer = cache.get(question)
        ttls.append(answer.message.answer[0].ttl if answer and answer.message else None)
    assert ttls == [10, 10, 6, 1, None]


def test_the_cache_is_bounded() -> None:
    cache = Cache(lambda: 0.0)
    for number in range(ENTRIES + 100):
        asked = query_of(f"x{number}.org").question[0]
        cache.put(Question(asked.name, asked.rdtype, 0, False, False, (A,)), None)
    assert len(cache) == ENTRIES


class Liar(Nameserver):
    """Before its own answer, one comes with another address that nobody has asked for."""

    def __init__(self, lie: str) -> None:
        super().__init__(says(A))
        self.lie = lie

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        wrong = says(B)(query)
        assert wrong is not None
        if self.lie == "of another number":
            wrong.id ^= 1
        elif self.lie == "to another question":
            wrong.question = query_of("www.example.net").question
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((B, 0))
            if self.lie == "of another sender":
                stranger.sendto(wrong.to_wire(), address)
            elif self.transport is not None:
                self.transport.sendto(wrong.to_wire(), address)
        super().datagram_received(data, address)


@pytest.mark.parametrize("lie", ["of another number", "to another question", "of another sender"])
async def test_an_answer_that_was_not_asked_for_is_not_believed(lie: str) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Liar(lie), local_addr=(A, 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        assert address_of(await Forwarder(budget_s=20.0, port=port).ask(query_of(), (A,), OPTIONS)) == A
    finally:
        transport.close()
