"""Questions and answers, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from skerry.gate.board import Board
from skerry.gate.dns import Answerer
from skerry.gate.forward import Forwarder
from skerry.gate.message import Desired
from skerry.model.traffic import Client, Name, Segment, Traffic

LEG = "10.0.1.254"
TASK = "10.0.1.2"
TRAFFIC = Traffic(
    segments=(Segment("red", "sk-red", "10.0.1.0/24", "10.0.1.1", LEG),),
    names=(
        Name("red", "app", ("10.0.1.130",)),
        Name("red", "many", tuple(f"10.0.1.{last}" for last in range(2, 100))),
        Name("red", "pair", ("10.0.1.3", "10.0.1.4")),
        Name("red", "late", ()),
    ),
    clients=(Client(TASK, ("red",)), Client("10.0.1.3", ("red",), nameservers=("192.0.2.53", LEG))),
)


class Upstream(Forwarder):
    """Knows `nas` and `www.example.org`; remembers whom it would have asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, ...]] = []

    async def ask(self, query: dns.message.Message, servers: Sequence[str]) -> dns.message.Message | None:
        self.asked.append(tuple(servers))
        name = query.question[0].name.to_text()
        if not servers or name not in ("nas.", "www.example.org."):
            return None
        answer = dns.message.make_response(query)
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "203.0.113.7"))
        return answer


def board_of(traffic: Traffic) -> Board:
    board = Board()
    board.post(Desired(1, traffic, ("192.0.2.1",)))
    return board


async def ask(
    answerer: Answerer, name: str, kind: str = "A", requester: str = TASK, udp: bool = True
) -> dns.message.Message:
    wire = await answerer.answer(dns.message.make_query(name, kind).to_wire(), requester, LEG, udp)
    assert wire is not None
    return dns.message.from_wire(wire)


def addresses(message: dns.message.Message) -> list[str]:
    return [item.to_text() for rrset in message.answer for item in rrset]


@pytest.mark.parametrize(
    ("name", "kind", "code", "found"),
    [
        ("app", "A", dns.rcode.NOERROR, ["10.0.1.130"]),
        ("App", "A", dns.rcode.NOERROR, ["10.0.1.130"]),
        ("app", "AAAA", dns.rcode.NOERROR, []),
        ("app", "TXT", dns.rcode.NOERROR, []),
        ("late", "A", dns.rcode.NOERROR, []),
        ("nas", "A", dns.rcode.NOERROR, ["203.0.113.7"]),
        ("www.example.org", "A", dns.rcode.NOERROR, ["203.0.113.7"]),
        ("nobody", "A", dns.rcode.NXDOMAIN, []),
        ("nobody", "AAAA", dns.rcode.NXDOMAIN, []),
        ("www.example.net", "A", dns.rcode.SERVFAIL, []),
        ("9.9.0.10.in-addr.arpa", "PTR", dns.rcode.SERVFAIL, []),
    ],
)
def test_answers(name: str, kind: str, code: dns.rcode.Rcode, found: list[str]) -> None:
    answerer = Answerer(board_of(TRAFFIC), Upstream())
    answer = asyncio.run(ask(answerer, name, kind))
    assert (answer.rcode(), addresses(answer)) == (code, found)


def test_a_clients_own_nameservers_are_asked_and_never_ourselves() -> None:
    upstream = Upstream()
    answerer = Answerer(board_of(TRAFFIC), upstream)
    asyncio.run(ask(answerer, "www.example.org", requester="10.0.1.3"))
    asyncio.run(ask(answerer, "www.example.org"))
    assert upstream.asked == [("192.0.2.53",), ("192.0.2.1",)]


@pytest.mark.case("B17")
@pytest.mark.parametrize(
    ("networks", "nameservers", "asked"),
    [
        (("vault",), (), ()),
        (("vault",), ("192.0.2.53",), ()),
        (("vault",), ("192.0.2.53", "10.0.3.5"), ("10.0.3.5",)),
        (("vault", "red"), ("192.0.2.53",), ("192.0.2.53",)),
        (("vault", "red"), (), ("192.0.2.1",)),
    ],
)
def test_no_question_leaves_an_internal_network(
    networks: tuple[str, ...], nameservers: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    vault = Segment("vault", "sk-vault", "10.0.3.0/24", "10.0.3.1", "10.0.3.254", internal=True)
    client = Client(TASK, networks, nameservers)
    upstream = Upstream()
    answerer = Answerer(board_of(Traffic((*TRAFFIC.segments, vault), clients=(client,))), upstream)
    answer = asyncio.run(ask(answerer, "www.example.org"))
    assert upstream.asked == [asked]
    assert answer.rcode() == (dns.rcode.NOERROR if asked else dns.rcode.SERVFAIL)


def test_addresses_take_turns() -> None:
    async def firsts() -> set[str]:
        answerer = Answerer(board_of(TRAFFIC), Upstream())
        return {addresses(await ask(answerer, "pair"))[0] for _ in range(50)}

    assert asyncio.run(firsts()) == {"10.0.1.3", "10.0.1.4"}


def test_a_long_answer_is_truncated_over_udp_only() -> None:
    answerer = Answerer(board_of(TRAFFIC), Upstream())
    short = asyncio.run(ask(answerer, "many"))
    assert (short.flags & dns.flags.TC, addresses(short)) == (dns.flags.TC, [])
    assert len(addresses(asyncio.run(ask(answerer, "many", udp=False)))) == 98


@pytest.mark.parametrize("wire", [b"", b"\0" * 5, b"\xff" * 40])
def test_what_is_no_question_gets_no_answer(wire: bytes) -> None:
    answerer = Answerer(board_of(TRAFFIC), Upstream())
    assert asyncio.run(answerer.answer(wire, TASK, LEG)) is None


@pytest.mark.parametrize(
    ("name", "kind", "found"), [("db", "A", ["10.0.1.140"]), ("db", "AAAA", []), ("late", "A", ["10.0.1.9"])]
)
def test_a_name_of_a_stack_under_deployment_is_waited_for(name: str, kind: str, found: list[str]) -> None:
    deploying = Traffic(TRAFFIC.segments, names=TRAFFIC.names, deploying=(("red", 1000.0),))
    later = Traffic(
        TRAFFIC.segments, names=(Name("red", "db", ("10.0.1.140",)), Name("red", "late", ("10.0.1.9",)))
    )

    async def waited() -> tuple[bool, dns.message.Message]:
        board = board_of(deploying)
        answerer = Answerer(board, Upstream(), now=lambda: 999.0)
        question = asyncio.create_task(ask(answerer, name, kind))
        done, _ = await asyncio.wait({question}, timeout=0.1)
        board.post(Desired(2, later))
        return bool(done), await question

    early, answer = asyncio.run(waited())
    assert (early, answer.rcode(), addresses(answer)) == (False, dns.rcode.NOERROR, found)


@pytest.mark.parametrize(("now", "name"), [(999.0, "nobody"), (1001.0, "nobody")])
def test_the_wait_ends(now: float, name: str) -> None:
    board = board_of(Traffic(TRAFFIC.segments, deploying=(("red", 1000.0),)))
    answerer = Answerer(board, Upstream(), wait_s=0.05, now=lambda: now)
    assert asyncio.run(ask(answerer, name)).rcode() == dns.rcode.NXDOMAIN
