"""Fair shares: of places that wait, of turns, and of the loop's time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack

import dns.message
import dns.rcode
import pytest

from skerry.gate.answerer import WAITING, WAITING_AT_LEAST, WAITING_OF_CLIENT, Answerer
from skerry.gate.cache import Answer
from skerry.gate.dns import Datagrams
from skerry.gate.forward import Forwarder
from skerry.gate.message import ResolverOptions
from skerry.gate.shares import Limits, Places, Shares
from skerry.gate.turns import Turns
from skerry.model.traffic import Client, Traffic
from tests.gate.nameserver import nameserver
from tests.gate.nameservers import says
from tests.gate.questions import LEG, TASK, TRAFFIC, Upstream, ask, board_of
from tests.gate.stage import LOCAL, Stage, exchange, play

SMALL = Limits(whole=8, service=5, client=4, reserve=2)


@pytest.mark.case("C12")
@pytest.mark.parametrize(
    ("calls", "held"),
    [
        ([("a", "x")] * 9, 4),
        ([("a", "x")] * 9 + [("a", "y")] * 9, 5),
        ([("a", "")] * 9, 5),
        ([("a", "x"), ("b", "x")] * 9, 4),
        ([("a", "")] * 9 + [("b", "")] * 9, 8),
        ([("a", "")] * 9 + [("b", "")] * 9 + [("c", "z")] * 9, 10),
    ],
)
def test_who_has_enough_gets_no_more(calls: list[tuple[str, str]], held: int) -> None:
    shares = Shares(SMALL, lambda: None)
    inside = [call for call in calls if not shares.enter(*call)]
    assert len(inside) == held
    for call in inside:
        shares.leave(*call)
    assert sum(not shares.enter(*call) for call in calls) == held, "all places were given back"


@pytest.mark.case("C12")
async def test_refusals_are_told_once_and_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.gate.shares.NOTE_S", 0.02)

    changes: list[tuple[str, ...]] = []
    shares = Shares(SMALL, lambda: changes.append(shares.refusing))
    for _ in range(3):
        shares.note("too many")
    async with asyncio.timeout(15):
        while len(changes) < 2:
            await asyncio.sleep(0.005)
    assert changes == [("too many",), ()]


@pytest.mark.case("C12")
def test_every_client_has_its_turn() -> None:
    turns: Turns[int] = Turns(limit=100)
    for number in range(1000):
        turns.put("flood", number)
    turns.put("honest", -1)
    order = [turns.take() for _ in range(3)]
    assert order == [0, -1, 1]
    rest = []
    while turns:
        rest.append(turns.take())
    assert len(rest) == 98


@pytest.mark.case("C12")
@pytest.mark.timeout(30)
def test_a_service_that_comes_back_serves_all_that_waited_without_one_long_turn() -> None:
    """Between any two turns of the loop only some are woken, so somebody else's question waits for few."""

    async def scene(stage: Stage) -> None:
        stage.put()
        async with await stage.serve():
            answers = [asyncio.create_task(exchange(stage, b"hello")) for _ in range(200)]
            while stage.relay.waiting < 200:
                await asyncio.sleep(0.01)
            stage.put(*LOCAL)
            most, before = 0, 200
            while stage.relay.waiting:
                await asyncio.sleep(0)
                most, before = max(most, before - stage.relay.waiting), stage.relay.waiting
            assert most <= 50
            assert set(await asyncio.gather(*answers)) == {b"got hello"}

    play(scene)


@pytest.mark.case("C12")
def test_a_state_that_changes_for_others_wakes_nobody() -> None:
    async def scene(stage: Stage) -> None:
        stage.put()
        answer = asyncio.create_task(exchange(stage, b"hello"))
        while not stage.relay.waiting:
            await asyncio.sleep(0)
        for _ in range(20):  # it has found its place by then
            await asyncio.sleep(0)
        looks = 0

        def behind_vip(vip: str, real: object = stage.state.behind_vip) -> object:
            nonlocal looks
            looks += 1
            assert callable(real)
            return real(vip)

        stage.state.behind_vip = behind_vip  # type: ignore[method-assign, assignment]
        for _ in range(10):
            stage.put()
            await asyncio.sleep(0)
        assert looks == 10, "once for all that want the same, at each change"
        answer.cancel()

    play(scene)


async def heard(asking: socket.socket, name: str, server: tuple[str, int]) -> dns.message.Message:
    """The answer to a question that is asked again where the flood has filled the server's socket."""
    while True:
        asking.sendto(dns.message.make_query(name, "A").to_wire(), server)
        try:
            async with asyncio.timeout(2):
                return dns.message.from_wire(await asyncio.get_running_loop().sock_recv(asking, 512))
        except TimeoutError:
            continue


@pytest.mark.case("N20")
@pytest.mark.timeout(30)
async def test_questions_that_nobody_answers_keep_no_other_client_waiting() -> None:
    """One client asks what the world never answers, as fast as it can; another asks for a neighbour, and for
    the world."""

    class Mute(Upstream):
        async def ask(
            self, query: dns.message.Message, servers: Sequence[str], options: ResolverOptions
        ) -> Answer:
            if b"void" in query.question[0].name.labels:
                await asyncio.Event().wait()
            return await super().ask(query, servers, options)

    bound, flood, honest = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
    for made, address in ((bound, "127.0.0.1"), (flood, "127.0.0.2"), (honest, "127.0.0.3")):
        made.setblocking(False)
        made.bind((address, 0))
    answerer = Answerer(board_of(TRAFFIC), Mute())
    leg = Datagrams(answerer, LEG, bound)
    with flood, honest:
        for number in range(3000):
            flood.sendto(dns.message.make_query(f"x{number}.void", "A").to_wire(), bound.getsockname())
            if number % 100 == 0:
                await asyncio.sleep(0)
        for name in ("app", "www.example.org"):
            assert (await heard(honest, name, bound.getsockname())).rcode() == dns.rcode.NOERROR
        assert leg.waiting <= 2 * WAITING_OF_CLIENT
        leg.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@pytest.mark.case("N20")
async def test_who_waits_for_the_world_still_hears_of_its_neighbours() -> None:
    class Mute(Forwarder):
        async def ask(
            self, query: dns.message.Message, servers: Sequence[str], options: ResolverOptions
        ) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

    answerer = Answerer(board_of(TRAFFIC), Mute())
    waiting = [asyncio.create_task(ask(answerer, f"x{one}.void")) for one in range(WAITING_OF_CLIENT)]
    await asyncio.sleep(0)
    assert (await ask(answerer, "x.void")).rcode() == dns.rcode.SERVFAIL
    assert (await ask(answerer, "app", requester=TASK)).answer
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.case("N20")
@pytest.mark.timeout(60)
async def test_many_who_flood_a_silent_server_keep_nobody_from_another() -> None:
    """Twelve clients ask as much as may wait, of a server that is silent; another asks one that answers."""
    silent, answering, honest = "127.0.0.61", "127.0.0.62", "127.0.3.1"
    floods = [f"127.0.2.{number}" for number in range(1, 13)]
    clients = (
        *(Client(address, ("red",), nameservers=(silent,)) for address in floods),
        Client(honest, ("red",), nameservers=(answering,)),
    )
    state = board_of(Traffic(TRAFFIC.segments, names=TRAFFIC.names, clients=clients))

    async with (
        nameserver(silent, lambda query: None) as (_, port),
        nameserver(answering, says("203.0.113.9"), port) as _,
    ):
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.setblocking(False)
        bound.bind(("127.0.0.1", 0))
        leg = Datagrams(Answerer(state, Forwarder(budget_s=60.0, port=port)), LEG, bound)
        with ExitStack() as stack:
            asking = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            asking.setblocking(False)
            asking.bind((honest, 0))
            for address in floods:
                flood = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                flood.bind((address, 0))
                for number in range(WAITING // 8):
                    query = dns.message.make_query(f"x{number}.{address}.void", "A")
                    flood.sendto(query.to_wire(), bound.getsockname())
                    await asyncio.sleep(0)
            assert leg.waiting > WAITING // 4
            for name in ("app", "www.example.org", "www.example.net"):
                assert (await heard(asking, name, bound.getsockname())).answer
            assert leg.waiting <= WAITING + WAITING_AT_LEAST * len(clients)
        leg.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


@pytest.mark.parametrize(
    ("entries", "places"),
    [
        ("a", "a"),
        ("aaaaa", "aaaa"),  # each
        ("aaaabbbbb", "aaaabbb"),  # no more of all than `whole` ...
        ("aaaabbbcccd", "aaaabbbccd"),  # ... but the first two of each
    ],
)
def test_places_are_bounded_for_each_and_for_all(entries: str, places: str) -> None:
    limits = Places(whole=7, each=4, reserve=2)
    assert "".join(key for key in entries if limits.enter(key)) == places
    for key in places:
        limits.leave(key)
    assert all(limits.enter(key) for key in "xxxx")
