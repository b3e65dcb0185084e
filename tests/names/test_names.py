"""The short form of `make names`, and what it is made of."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import pytest

from tests.names.answers import answer, folded, recorded, unasked
from tests.names.compare import Difference, compare, lines, without_deliberate
from tests.names.deliberate import LIST
from tests.names.stacks import Question, stacks
from tests.names.swarm import skerry_names
from tests.names.upstream import FIRST, SECOND, respond

SHORT = ("hostnames", "networks")
"""Stacks in which the most goes wrong."""


@pytest.mark.engine
@pytest.mark.timeout(200)
@pytest.mark.case("N1")
def test_names_are_as_in_a_swarm() -> None:
    with skerry_names(built=False) as swarm:
        left, _ = compare(swarm, stacks(*SHORT), ["glibc", "busybox"])
    assert not left, "\n".join(lines(left))


def test_every_question_has_its_answer_and_every_answer_its_question() -> None:
    assert len(stacks()) >= 12
    assert sum(len(recorded(stack)) for stack in stacks()) >= 400
    assert unasked() == []


def test_every_deliberate_difference_has_a_reason() -> None:
    assert all(entry.reason for entry in LIST)


def test_what_the_resolvers_agree_on_stands_once() -> None:
    assert folded({"glibc": "a", "go": "a"}) == "a"
    row = folded({"glibc": "a", "musl": "a", "go": "NONE"})
    assert row == {"*": "a", "go": "NONE"}
    assert [answer(row, name) for name in ("glibc", "musl", "go")] == ["a", "a", "NONE"]


def test_a_difference_that_nobody_explains_is_left() -> None:
    difference = Difference("no stack", Question("client", "A", "web"), "glibc", "vip(web,back)", "NXDOMAIN")
    assert without_deliberate([difference])[0] == [difference]
    assert without_deliberate([])[1] == LIST


@pytest.mark.parametrize(
    ("server", "name", "kind", "udp", "rows"),
    [
        (FIRST, "who.test", "A", True, ["192.0.2.1"]),
        (SECOND, "who.test", "A", True, ["192.0.2.2"]),
        (FIRST, "WWW.example.test", "AAAA", True, ["2001:db8::80"]),
        (FIRST, "alias.example.test", "A", True, ["www.example.test.", "192.0.2.80"]),
        (FIRST, "four.example.test", "AAAA", True, []),
        (FIRST, "nobody.test", "A", True, None),
        (FIRST, "many.example.test", "A", False, [f"192.0.2.{last}" for last in range(100, 160)]),
    ],
)
def test_the_nameserver(server: str, name: str, kind: str, udp: bool, rows: list[str] | None) -> None:
    wire = respond(dns.message.make_query(name, kind).to_wire(), server, udp=udp)
    assert wire is not None
    response = dns.message.from_wire(wire)
    assert response.rcode() == (dns.rcode.NXDOMAIN if rows is None else dns.rcode.NOERROR)
    assert sorted(row.to_text() for rrset in response.answer for row in rrset) == sorted(rows or [])


def test_a_long_answer_of_the_nameserver_is_cut() -> None:
    wire = respond(dns.message.make_query("many.example.test", "A").to_wire(), FIRST, udp=True)
    assert wire is not None
    assert dns.message.from_wire(wire).flags & dns.flags.TC
