"""Questions to the answerer, and what it answers from."""

from __future__ import annotations

from collections.abc import Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from skerry.gate.answerer import Answerer
from skerry.gate.cache import Answer
from skerry.gate.desired_state import DesiredState
from skerry.gate.forward import Forwarder
from skerry.gate.message import Desired, ResolverOptions
from skerry.model.traffic import Block, Client, Name, Segment, Traffic

LEG = "10.0.1.254"


TASK = "10.0.1.2"


SIX = Block("fd00:1::/64", "fd00:1::1", "fd00:1::ffff")


TRAFFIC = Traffic(
    segments=(Segment("red", "sk-red", "10.0.1.0/24", "10.0.1.1", LEG, names=("s_red", "red"), six=SIX),),
    names=(
        Name("red", "app", ("10.0.1.130",)),
        Name("red", "many", tuple(f"10.0.1.{last}" for last in range(2, 100))),
        Name("red", "pair", ("10.0.1.3", "10.0.1.4")),
        Name("red", "late", ()),
        Name("red", "app.1.x", ("10.0.1.3",), rank=1),
        Name("red", "dual", ("10.0.1.140", "fd00:1::fffe")),
        Name("red", "six", tuple(f"fd00:1::{last:x}" for last in range(2, 100))),
        Name("red", "dual.1.x", ("10.0.1.5", "fd00:1::5"), rank=1),
    ),
    clients=(Client(TASK, ("red",)), Client("10.0.1.3", ("red",), nameservers=("192.0.2.53", LEG))),
)


class Upstream(Forwarder):
    """Knows `nas` and `www.example.org`; remembers whom it would have asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, ...]] = []

    async def ask(
        self, query: dns.message.Message, servers: Sequence[str], options: ResolverOptions
    ) -> Answer:
        self.asked.append(tuple(servers))
        name = query.question[0].name.to_text()
        if not servers or name not in ("nas.", "www.example.org."):
            return Answer(None)
        answer = dns.message.make_response(query)
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "203.0.113.7"))
        return Answer(answer)


def board_of(traffic: Traffic) -> DesiredState:
    state = DesiredState()
    state.post(Desired(1, traffic, ("192.0.2.1",)))
    return state


async def ask(
    answerer: Answerer,
    name: str,
    kind: str = "A",
    requester: str = TASK,
    udp: bool = True,
    payload: int = 0,
) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=payload > 0, payload=payload or 512)
    wire = await answerer.answer(query.to_wire(), requester, LEG, udp)
    assert wire is not None
    return dns.message.from_wire(wire)
