"""Answers of a health endpoint that no server should give: the check fails in its time, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from skerry.health.socket_probe import SocketResult, probe_by_socket
from skerry.health.translate import translated
from skerry.model.defaults import SECOND
from tests.agent.listeners import Here

LONG = b"9" * 6_000
HEAD = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def server(first: bytes, endless: bytes = b"", pause_s: float = 0.0) -> Iterator[int]:
    """A server in a thread, which sends `first` and then `endless` again and again until it is cut off."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(65536)
                    connection.sendall(first)
                    while endless:
                        connection.sendall(endless)
                        time.sleep(pause_s)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(30)


def probed(port: int, limit_s: float) -> tuple[SocketResult, int]:
    """What a check finds within its time, and how often others had their turn meanwhile."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    async def play() -> SocketResult:
        beside = asyncio.create_task(others())
        try:
            probe = translated(("curl", "-f", f"http://127.0.0.1:{port}/health"))
            assert probe is not None
            return await probe_by_socket(probe, Here(), 1, int(limit_s * SECOND))
        finally:
            beside.cancel()

    return asyncio.run(play()), turns


@pytest.mark.case("C9")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 " + LONG + b" OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 ²⁰⁰ OK\r\n\r\n".encode(),
        b"HTTP/1.1 -200 OK\r\n\r\n",
        b"HTTP/" + LONG + b" 200 OK\r\n\r\n",
        HEAD + b"Content-Length: " + LONG + b"\r\n\r\nyes",
        HEAD + b"Content-Length: 9999999999999999999\r\n\r\nyes",
        HEAD + b"Content-Length: -1\r\n\r\nyes",
        HEAD + b"Content-Length: 0x3\r\n\r\nyes",
        HEAD + b"Content-Length: \xb2\r\n\r\nyes",
        HEAD + b"Content-Length: 999999999999999999\r\n\r\nyes",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 6_000 + b"\r\nyes\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nyes\r\n",
        HEAD + b"X: " + b"x" * 1_000_000,
        b"x" * 1_000_000,
        b"\r\n\r\n",
        b"\x00" * 100,
    ],
    ids=lambda answer: str(answer[:40]),
)
def test_an_answer_that_is_none_is_a_failure(answer: bytes) -> None:
    with server(answer) as port:
        found, _ = probed(port, 30)
    assert found.exit_code > 0, "the check fails at once, not because its time is over"


@pytest.mark.case("C9")
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("first", "endless", "pause_s"),
    [
        (HEAD + b"\r\n", b"x" * 65_536, 0.0),
        (HEAD + b"Content-Length: 999999999999999999\r\n\r\n", b"x" * 65_536, 0.0),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4_096 + b"\r\n", 0.0),
        (HEAD, b"X: y\r\n" * 1_000, 0.0),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500, 0.0),
        (HEAD, b"X", 0.01),
        (HEAD + b"\r\n", b"x", 0.01),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.01),
    ],
    ids=["body", "length", "chunks", "headers", "hints", "slow head", "slow body", "slow chunks"],
)
def test_an_answer_without_an_end_costs_its_check_its_time_and_no_one_elses(
    first: bytes, endless: bytes, pause_s: float
) -> None:
    tracemalloc.start()
    try:
        with server(first, endless, pause_s) as port:
            found, turns = probed(port, 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.exit_code != 0
    assert turns > 0, "others had their turn"
    assert peak < 8 << 20, "bytes at a time"
