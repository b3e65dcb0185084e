"""Questions and answers, without a network."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from skerry.gate.answerer import Answerer
from skerry.gate.cache import Answer
from skerry.gate.desired_state import DesiredState
from skerry.gate.message import Desired, ResolverOptions
from skerry.gate.reply import KEPT, Replies, Reply
from skerry.model.traffic import Client, Name, Segment, Traffic
from tests.gate.questions import LEG, TASK, TRAFFIC, Upstream, ask, board_of

NOERROR = dns.rcode.NOERROR
HEADER = struct.Struct("!6H")


def addresses(message: dns.message.Message) -> list[str]:
    return [item.to_text() for rrset in message.answer for item in rrset]


@pytest.mark.parametrize(
    ("name", "kind", "code", "found"),
    [
        ("app", "A", dns.rcode.NOERROR, ["10.0.1.130"]),
        ("App", "A", dns.rcode.NOERROR, ["10.0.1.130"]),
        ("app", "AAAA", dns.rcode.NOERROR, []),
        ("app", "TXT", dns.rcode.NOERROR, []),
        ("app", "MX", dns.rcode.NOERROR, []),
        ("app", "SRV", dns.rcode.NOERROR, []),
        ("app", "HTTPS", dns.rcode.NOERROR, []),
        ("app", "ANY", dns.rcode.NOERROR, ["10.0.1.130"]),
        ("app", "PTR", dns.rcode.NOERROR, []),
        ("nobody.s_red", "A", dns.rcode.NXDOMAIN, []),
        ("nobody.s_red", "TXT", dns.rcode.NXDOMAIN, []),
        pytest.param("app.red", "A", dns.rcode.NOERROR, ["10.0.1.130"], marks=pytest.mark.case("N5")),
        pytest.param("app.s_red", "A", dns.rcode.NOERROR, ["10.0.1.130"], marks=pytest.mark.case("N5")),
        pytest.param("app.s_red", "AAAA", dns.rcode.NOERROR, [], marks=pytest.mark.case("N5")),
        pytest.param(
            "3.1.0.10.in-addr.arpa",
            "PTR",
            dns.rcode.NOERROR,
            ["app.1.x.s_red."],
            marks=pytest.mark.case("N6"),
        ),
        pytest.param("130.1.0.10.in-addr.arpa", "PTR", dns.rcode.NXDOMAIN, [], marks=pytest.mark.case("N6")),
        pytest.param("99.1.0.10.in-addr.arpa", "PTR", dns.rcode.NXDOMAIN, [], marks=pytest.mark.case("N6")),
        pytest.param("dual", "A", dns.rcode.NOERROR, ["10.0.1.140"], marks=pytest.mark.case("N13")),
        pytest.param("dual", "AAAA", dns.rcode.NOERROR, ["fd00:1::fffe"], marks=pytest.mark.case("N13")),
        pytest.param(
            "dual", "ANY", dns.rcode.NOERROR, ["10.0.1.140", "fd00:1::fffe"], marks=pytest.mark.case("N13")
        ),
        pytest.param("six", "A", dns.rcode.NOERROR, [], marks=pytest.mark.case("N13")),
        pytest.param(
            f"5.{'0.' * 23}1.0.0.0.0.0.d.f.ip6.arpa",
            "PTR",
            dns.rcode.NOERROR,
            ["dual.1.x.s_red."],
            marks=pytest.mark.case("N13"),
        ),
        pytest.param(
            f"9.{'0.' * 23}1.0.0.0.0.0.d.f.ip6.arpa",
            "PTR",
            dns.rcode.NXDOMAIN,
            [],
            marks=pytest.mark.case("N13"),
        ),
        ("late", "A", dns.rcode.NOERROR, []),
        ("nas", "A", dns.rcode.NOERROR, ["203.0.113.7"]),
        ("www.example.org", "A", dns.rcode.NOERROR, ["203.0.113.7"]),
        ("nobody", "A", dns.rcode.NXDOMAIN, []),
        ("nobody", "AAAA", dns.rcode.NXDOMAIN, []),
        ("www.example.net", "A", dns.rcode.SERVFAIL, []),
        ("9.9.0.10.in-addr.arpa", "PTR", dns.rcode.SERVFAIL, []),
    ],
)
async def test_answers(name: str, kind: str, code: dns.rcode.Rcode, found: list[str]) -> None:
    answerer = Answerer(board_of(TRAFFIC), Upstream())
    answer = await ask(answerer, name, kind)
    assert (answer.rcode(), addresses(answer)) == (code, found)


async def test_a_clients_own_nameservers_are_asked_and_never_ourselves() -> None:
    upstream = Upstream()
    answerer = Answerer(board_of(TRAFFIC), upstream)
    await ask(answerer, "www.example.org", requester="10.0.1.3")
    await ask(answerer, "www.example.org")
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
async def test_no_question_leaves_an_internal_network(
    networks: tuple[str, ...], nameservers: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    vault = Segment("vault", "sk-vault", "10.0.3.0/24", "10.0.3.1", "10.0.3.254", internal=True)
    client = Client(TASK, networks, nameservers)
    upstream = Upstream()
    answerer = Answerer(board_of(Traffic((*TRAFFIC.segments, vault), clients=(client,))), upstream)
    answer = await ask(answerer, "www.example.org")
    assert upstream.asked == [asked]
    assert answer.rcode() == (dns.rcode.NOERROR if asked else dns.rcode.SERVFAIL)


async def test_addresses_take_turns() -> None:
    async def firsts() -> set[str]:
        answerer = Answerer(board_of(TRAFFIC), Upstream())
        return {addresses(await ask(answerer, "pair"))[0] for _ in range(50)}

    assert await firsts() == {"10.0.1.3", "10.0.1.4"}


MANY = {f"10.0.1.{last}" for last in range(2, 100)}


@pytest.mark.case("N8")
@pytest.mark.parametrize(
    ("payload", "udp", "count"),
    [(0, True, 30), (512, True, 29), (600, True, 35), (1232, True, 74), (4096, True, 74), (0, False, 98)],
)
async def test_a_long_answer_holds_what_fits(payload: int, udp: bool, count: int) -> None:
    answerer = Answerer(board_of(TRAFFIC), Upstream())
    firsts = set()
    for _ in range(20):
        answer = await ask(answerer, "many", udp=udp, payload=payload)
        found = addresses(answer)
        firsts.add(found[0])
        assert bool(answer.flags & dns.flags.TC) == (count < 98)
        assert len(set(found)) == len(found) == count
        assert set(found) <= MANY
        assert answer.edns == (0 if payload else -1)
    assert len(firsts) > 1


@pytest.mark.case("N8")
async def test_a_long_answer_of_another_server_holds_what_fits() -> None:
    class Long(Upstream):
        async def ask(
            self, query: dns.message.Message, servers: Sequence[str], options: ResolverOptions
        ) -> Answer:
            answer = dns.message.make_response(query)
            answer.answer = [dns.rrset.from_text("x.example.org.", 60, "IN", "CNAME", "y.example.org.")]
            answer.answer += [dns.rrset.from_text("y.example.org.", 60, "IN", "A", one) for one in MANY]
            return Answer(answer)

    answerer = Answerer(board_of(TRAFFIC), Long())
    short = await ask(answerer, "x.example.org")
    assert short.flags & dns.flags.TC
    assert 20 < len(addresses(short)) < 31
    whole = await ask(answerer, "x.example.org", udp=False)
    assert (whole.flags & dns.flags.TC, len(addresses(whole))) == (0, 99)


@pytest.mark.case("N8")
async def test_edns_is_answered_and_another_version_refused() -> None:
    answerer = Answerer(board_of(TRAFFIC), Upstream())
    for version, code in ((0, dns.rcode.NOERROR), (1, dns.rcode.BADVERS), (7, dns.rcode.BADVERS)):
        query = dns.message.make_query("app", "A")
        query.use_edns(version, dns.flags.DO, 1400)
        wire = await answerer.answer(query.to_wire(), TASK, LEG)
        assert wire is not None
        answer = dns.message.from_wire(wire)
        assert (answer.edns, answer.payload, answer.rcode()) == (0, 1232, code)
        assert addresses(answer) == (["10.0.1.130"] if version == 0 else [])
    assert (await ask(answerer, "app")).edns == -1


@pytest.mark.parametrize("bits", [0, dns.flags.AD, dns.flags.CD, dns.flags.AD | dns.flags.CD])
async def test_dnssec_bits_come_back(bits: int) -> None:
    class Signed(Upstream):
        async def ask(
            self, query: dns.message.Message, servers: Sequence[str], options: ResolverOptions
        ) -> Answer:
            answer = await super().ask(query, servers, options)
            assert answer.message is not None
            answer.message.flags |= dns.flags.AD & query.flags
            return answer

    query = dns.message.make_query("www.example.org", "A", want_dnssec=True)
    query.flags |= bits
    wire = await Answerer(board_of(TRAFFIC), Signed()).answer(query.to_wire(), TASK, LEG)
    assert wire is not None
    answer = dns.message.from_wire(wire)
    assert answer.flags & (dns.flags.AD | dns.flags.CD) == bits
    assert answer.ednsflags & dns.flags.DO


async def test_an_answer_given_at_once_is_that_of_the_names_as_they_are() -> None:
    """The same bytes again, before and after the names change, and from somebody else."""

    state = board_of(TRAFFIC)
    answerer = Answerer(state, Upstream())
    wire = dns.message.make_query("app", "A").to_wire()
    assert answerer.at_once(wire, TASK, LEG) is None
    first = await answerer.answer(wire, TASK, LEG)
    again = b"\x01\x02" + wire[2:]
    at_once = answerer.at_once(again, TASK, LEG)
    assert first is not None
    assert at_once == b"\x01\x02" + first[2:]
    assert answerer.at_once(wire, "10.0.1.9", LEG) is None
    assert answerer.at_once(wire, TASK, "10.0.2.254") is None
    assert answerer.at_once(wire, TASK, LEG, udp=False) is None
    moved = Traffic(TRAFFIC.segments, names=(Name("red", "app", ("10.0.1.131",)),), clients=TRAFFIC.clients)
    state.post(Desired(2, moved))
    assert answerer.at_once(wire, TASK, LEG) is None
    assert addresses(await ask(answerer, "app")) == ["10.0.1.131"]


async def test_an_answer_is_not_kept_where_the_names_changed_meanwhile() -> None:
    class Slow(Upstream):
        async def ask(
            self, query: dns.message.Message, servers: Sequence[str], options: ResolverOptions
        ) -> Answer:
            state.post(Desired(2, Traffic(TRAFFIC.segments, names=(Name("red", "nas", ("10.0.1.9",)),))))
            answer = await super().ask(query, servers, options)
            return answer._replace(until=asyncio.get_running_loop().time() + 1000.0)

    state = board_of(TRAFFIC)

    answerer = Answerer(state, Slow())
    assert addresses(await ask(answerer, "nas")) == ["203.0.113.7"]
    assert addresses(await ask(answerer, "nas")) == ["10.0.1.9"]


def test_replies_kept_are_bounded() -> None:
    replies = Replies()
    for number in range(KEPT + 100):
        replies.put(TASK, LEG, True, b"id%d" % number, Reply(b"head"))
    assert len(replies) == KEPT
    replies.put(TASK, LEG, True, b"idlong", Reply(b"x" * 5000))
    assert replies.get(TASK, LEG, True, b"idlong", 0.0) is None


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (HEADER.pack(7, 0x0100, 0, 0, 0, 0), dns.rcode.FORMERR),
        (HEADER.pack(7, 0x0100, 2, 0, 0, 0) + 2 * b"\x01a\0\0\1\0\1", dns.rcode.FORMERR),
        (HEADER.pack(7, 0x0100, 1, 0, 0, 0) + b"\x05abc", dns.rcode.FORMERR),
        (HEADER.pack(7, 0x2800, 1, 0, 0, 0) + b"\x01a\0\0\6\0\1", dns.rcode.NOTIMP),
        (dns.message.make_query("app", "A", "CH").to_wire(), dns.rcode.NOTIMP),
    ],
    ids=["no question", "two questions", "cut", "an update", "another class"],
)
async def test_what_cannot_be_answered_is_refused(wire: bytes, code: dns.rcode.Rcode) -> None:
    answer = await Answerer(board_of(TRAFFIC), Upstream()).answer(wire, TASK, LEG)
    assert answer is not None
    read = dns.message.from_wire(answer)
    assert (answer[:2], read.rcode(), bool(read.flags & dns.flags.QR)) == (wire[:2], code, True)


@pytest.mark.parametrize("wire", [b"", b"\0" * 5, b"\xff" * 40])
async def test_what_is_no_question_gets_no_answer(wire: bytes) -> None:
    answerer = Answerer(board_of(TRAFFIC), Upstream())
    assert await answerer.answer(wire, TASK, LEG) is None


@pytest.mark.parametrize(
    ("name", "kind", "found"), [("db", "A", ["10.0.1.140"]), ("db", "AAAA", []), ("late", "A", ["10.0.1.9"])]
)
async def test_a_name_of_a_stack_under_deployment_is_waited_for(
    name: str, kind: str, found: list[str]
) -> None:
    deploying = Traffic(TRAFFIC.segments, names=TRAFFIC.names, deploying=(("red", 1000.0),))
    later = Traffic(
        TRAFFIC.segments, names=(Name("red", "db", ("10.0.1.140",)), Name("red", "late", ("10.0.1.9",)))
    )

    async def waited() -> tuple[bool, dns.message.Message]:
        state = board_of(deploying)
        answerer = Answerer(state, Upstream(), now=lambda: 999.0)
        question = asyncio.create_task(ask(answerer, name, kind))
        done, _ = await asyncio.wait({question}, timeout=0.1)
        state.post(Desired(2, later))
        return bool(done), await question

    early, answer = await waited()
    assert (early, answer.rcode(), addresses(answer)) == (False, dns.rcode.NOERROR, found)


@pytest.mark.parametrize(("now", "name"), [(999.0, "nobody"), (1001.0, "nobody")])
async def test_the_wait_ends(now: float, name: str) -> None:
    state = board_of(Traffic(TRAFFIC.segments, deploying=(("red", 1000.0),)))
    answerer = Answerer(state, Upstream(), wait_s=0.05, now=lambda: now)
    assert (await ask(answerer, name)).rcode() == dns.rcode.NXDOMAIN


async def test_the_wait_is_shorter_than_who_asks_waits() -> None:
    state = DesiredState()
    traffic = Traffic(TRAFFIC.segments, deploying=(("red", 1000.0),))
    state.post(Desired(1, traffic, ("192.0.2.1",), ResolverOptions(timeout_s=0.1)))
    answerer = Answerer(state, Upstream(), now=lambda: 999.0)
    assert (await ask(answerer, "nobody")).rcode() == dns.rcode.NXDOMAIN
