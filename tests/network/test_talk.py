"""How a connection's sides talk is told by their first words, and what is not HTTP/1 is left to the task."""

from __future__ import annotations

import asyncio
import socket

import pytest

from skerry.linux.conntrack import Conntrack
from skerry.model.defaults import MILLISECOND, SECOND
from skerry.model.drain import DrainOutcome, DrainRules
from skerry.network.talk import (
    CLIENT_LAST_MARK,
    HTTP_MARK,
    STRANGE_MARK,
    TLS_MARK,
    UNASKED_MARK,
    Talk,
    talk_of,
)
from tests.network.conftest import Started
from tests.network.lab import RED, connect, sh
from tests.network.pair import NEW, OLD, VIP, Pair, traffic

LIMIT = DrainRules(40 * SECOND)
PIECES, GREETING = 9, 25
HTTP = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"
HTTP_2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
HELLO = b"\x16\x03\x01\x02\x00" + bytes(512)
REDIS = b"*1\r\n$5\r\nMULTI\r\n"


def record(size: int) -> bytes:
    """One of TLS with data in it."""
    return b"\x17\x03\x03" + size.to_bytes(2) + bytes(size)


@pytest.mark.parametrize(
    ("mark", "talk"),
    [
        (None, Talk.IN_TURN),
        (0, Talk.IN_TURN),
        (CLIENT_LAST_MARK, Talk.IN_TURN),
        (HTTP_MARK, Talk.IN_TURN),
        (TLS_MARK | CLIENT_LAST_MARK, Talk.IN_TURN),
        (STRANGE_MARK, Talk.STRANGE),
        (UNASKED_MARK, Talk.UNASKED),
        (HTTP_MARK | UNASKED_MARK, Talk.UNASKED),
        (TLS_MARK | UNASKED_MARK, Talk.UNASKED),
    ],
)
def test_what_a_mark_says(mark: int | None, talk: Talk) -> None:
    assert talk_of(mark) is talk


def test_what_was_left_is_told() -> None:
    outcome = DrainOutcome(open=1, waited=7_000_000, closed_idle=3, left=2)
    assert str(outcome) == "drained in 7 ms: 3 idle closed, 2 left to it, 1 still open"


async def say(client: socket.socket, *pieces: bytes) -> bytes:
    """Say each piece when the one before has been answered; the last answer."""
    loop, answer = asyncio.get_running_loop(), b""
    async with asyncio.timeout(20):
        for piece in pieces:
            await loop.sock_sendall(client, piece)
            answer = await loop.sock_recv(client, 65536)
    return answer


def mark_of(client: socket.socket, port: int) -> int | None:
    """Of the flow by which it reaches the old task."""
    host, own = client.getsockname()
    with Conntrack() as conntrack:
        return conntrack.mark(OLD.address, port, host, own)


BEGINNINGS = [
    ([HTTP], HTTP_MARK),
    ([HTTP, HTTP], HTTP_MARK),
    ([b"POST /x HTTP/1.1\r\n", b"+body"], HTTP_MARK),
    ([b"PROXY TCP4 1.2.3.4 5.6.7.8 9 80\r\n"], HTTP_MARK),
    ([UPGRADE], HTTP_MARK | UNASKED_MARK),
    ([HTTP, UPGRADE, b"x"], HTTP_MARK | UNASKED_MARK),
    ([b"CONNECT db:5432 HTTP/1.1\r\n\r\n"], UNASKED_MARK),
    ([HTTP_2], UNASKED_MARK),
    ([HELLO], TLS_MARK),
    ([HELLO, record(60), record(45)], TLS_MARK),
    ([HELLO, record(60), record(26)], TLS_MARK | UNASKED_MARK),
    ([REDIS, REDIS], STRANGE_MARK),
    ([b"\xff\xfe\xfd\xfc"], STRANGE_MARK),
    ([b"\x16\x04\x00\x00"], STRANGE_MARK),
    ([b"?"], STRANGE_MARK),
]


@pytest.mark.engine
@pytest.mark.timeout(60)
@pytest.mark.parametrize("stamps", [1, 0])
def test_first_words(pair: Pair, started: Started, stamps: int) -> None:
    """With time stamps in the TCP header and without."""
    sh(f"ip netns exec {pair.client} sysctl -qw net.ipv4.tcp_timestamps={stamps}")

    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            for pieces, mark in BEGINNINGS:
                client = await connect(pair.client, VIP, PIECES)
                assert mark_of(client, PIECES) == 0, "nothing was said yet"
                await say(client, *pieces)
                assert mark_of(client, PIECES) == mark, pieces
            client = await connect(pair.client, VIP, GREETING)
            assert (await asyncio.get_running_loop().sock_recv(client, 4096)).startswith(b"220")
            assert mark_of(client, GREETING) == STRANGE_MARK
            assert await say(client, HTTP) == HTTP
            assert mark_of(client, GREETING) == STRANGE_MARK

    pair.lab.run(body)


@pytest.mark.engine
@pytest.mark.timeout(60)
def test_what_is_not_understood_goes_on_until_it_is_silent(pair: Pair, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            client = await connect(pair.client, VIP, PIECES)
            await say(client, REDIS)
            await network.apply(traffic(NEW))
            draining = asyncio.create_task(network.drain(pair.pid, None, LIMIT))
            for _ in range(6):
                await asyncio.wait({draining}, timeout=0.25)
                assert not draining.done()
                assert await say(client, REDIS) == REDIS
            drained = await draining
            assert (drained.open, drained.closed_idle, drained.left) == (0, 0, 1)
            assert drained.waited > 2 * SECOND
            assert await say(client, REDIS) == REDIS

    pair.lab.run(body)


@pytest.mark.engine
@pytest.mark.timeout(60)
def test_a_goodbye_finds_its_way_and_what_is_over_is_forgotten(pair: Pair, started: Started) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            over = await connect(pair.client, VIP, PIECES)
            await say(over, REDIS)
            over.close()
            client = await connect(pair.client, VIP, PIECES)
            await say(client, HTTP_2)
            await network.apply(traffic(NEW))
            drained = await network.drain(pair.pid, None, LIMIT)
            assert (drained.open, drained.closed_idle, drained.left) == (0, 0, 1)
            await network.forget([OLD.address], established=not drained.left)
            left = sh(f"ip netns exec {pair.lab.machine} conntrack -L -p tcp --reply-src {OLD.address} 2>&1")
            assert left.count(f"dport={PIECES} ") == 1
            assert await say(client, b"goodbye") == b"goodbye"

    pair.lab.run(body)


@pytest.mark.engine
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("idle", "pieces", "closed", "left"),
    [
        ("auto", [HELLO, record(60)], 1, 0),
        ("auto", [HELLO, record(60), record(26)], 0, 1),
        ("auto", [UPGRADE, b"x"], 0, 1),
        ("close", [HTTP_2], 1, 0),
        ("close", [REDIS], 1, 0),
        ("leave", [HTTP], 0, 1),
    ],
)
def test_the_label_decides(
    pair: Pair, started: Started, idle: str, pieces: list[bytes], closed: int, left: int
) -> None:
    async def body() -> None:
        async with started(RED) as network:
            await network.apply(traffic(OLD))
            client = await connect(pair.client, VIP, PIECES)
            await say(client, *pieces)
            drained = await network.drain(pair.pid, None, DrainRules(40 * SECOND, 300 * MILLISECOND, idle))
            assert (drained.open, drained.closed_idle, drained.left) == (0, closed, left)
            if left:
                assert await say(client, b"more") == b"more"
            else:
                with pytest.raises(ConnectionResetError):
                    await say(client, b"more")

    pair.lab.run(body)
