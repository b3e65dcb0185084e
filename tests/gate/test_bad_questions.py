"""What a container may send to a leg's port 53: anything at all, and as often as it likes."""

from __future__ import annotations

import asyncio
import socket
import struct

import dns.message
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skerry.gate.answerer import Answerer
from skerry.gate.dns import AT_ONCE, Datagrams
from tests.gate.questions import LEG, TASK, TRAFFIC, Upstream, board_of

HEADER = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0)
GOOD = dns.message.make_query("app", "A").to_wire()


@given(st.binary(max_size=600) | st.binary(max_size=100).map(lambda tail: HEADER + tail))
@example(HEADER + b"\xc0\x0c\x00\x01\x00\x01")  # a name that is itself
@example(HEADER + b"\x01a\xc0\x0c\x00\x01\x00\x01")  # and one that comes back to itself
@example(HEADER + b"\xc0\x12\x00\x01\x00\x01\xc0\x0c\x00\x01")  # two that point at each other
@example(HEADER + b"\x3f" + b"a" * 63)  # cut off
@example(GOOD[:-1])
@example(GOOD + b"\x00")
@example(struct.pack("!6H", 7, 0x0100, 65535, 65535, 65535, 65535))
def test_any_bytes_do_no_harm(wire: bytes) -> None:
    async def scene() -> None:
        answer = await Answerer(board_of(TRAFFIC), Upstream(), wait_s=0.0).answer(wire, TASK, LEG)
        if answer is not None:
            dns.message.from_wire(answer)

    asyncio.run(scene())


@pytest.mark.timeout(30)
def test_a_flood_is_answered_or_dropped_and_others_are_heard() -> None:
    """10,000 questions as fast as they go, most of them nonsense, some that have to wait."""

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        bound, flood, honest = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
        for one in (bound, flood, honest):
            one.setblocking(False)
            one.bind(("127.0.0.1", 0))
        leg = Datagrams(Answerer(board_of(TRAFFIC), Upstream(), wait_s=0.05), LEG, bound)
        target = bound.getsockname()
        nonsense = [GOOD, b"\0" * 12, HEADER + b"\xc0\x0c\x00\x01\x00\x01", b"", b"x" * 1400]
        with flood, honest:
            for number in range(10_000):
                flood.sendto(nonsense[number % len(nonsense)], target)
                if number % 500 == 0:
                    await asyncio.sleep(0)
                    assert leg.waiting <= AT_ONCE
            async with asyncio.timeout(60):
                answer = b""
                while not answer:
                    honest.sendto(GOOD, target)
                    try:
                        async with asyncio.timeout(0.5):
                            answer = await loop.sock_recv(honest, 512)
                    except TimeoutError:
                        continue
                assert dns.message.from_wire(answer).answer
                await leg.finish()
            assert leg.waiting == 0

    asyncio.run(scene())


def test_more_than_so_many_at_once_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skerry.gate.dns.AT_ONCE", 3)

    class Slow(Answerer):
        async def answer(self, wire: bytes, requester: str, leg: str, udp: bool = True) -> bytes | None:
            await asyncio.sleep(30)
            return None

    async def scene() -> None:
        bound, asking = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        bound.setblocking(False)
        bound.bind(("127.0.0.1", 0))
        leg = Datagrams(Slow(board_of(TRAFFIC), Upstream()), LEG, bound)
        with asking:
            for _ in range(20):
                asking.sendto(GOOD, bound.getsockname())
            for _ in range(10):
                await asyncio.sleep(0)
            assert leg.waiting == 3
            leg.close()

    asyncio.run(scene())
