"""The load clients count as a real client would: what is a reconnect, and what a failure."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

from demo.clients import Clients
from demo.load import Request, Tally

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\nVersion: 1.0.0\n"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes = GOOD) -> None:
    """Read one request, answer it."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(data)
    await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset."""
    plug: socket.socket = writer.get_extra_info("socket")
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def asked(serve: Serve, requests: int, kind: str) -> list[Request]:
    """What one client records of so many requests to a server."""

    serving: list[asyncio.Task[None]] = []

    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError):  # the client has what it wanted
                await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.ensure_future(whole(reader, writer)))

    async def ask() -> list[Request]:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        async with server:
            clients = Clients("127.0.0.1", server.sockets[0].getsockname()[1])
            client = clients.keep_alive if kind == "kept" else clients.new_each_time
            task = asyncio.create_task(client(kind, 0.0))
            while len(clients.lines) < requests:
                await asyncio.sleep(0)
            clients.stop.set()
            await task
            await asyncio.gather(*serving)
        return [
            Request(float(words[0]), float(words[1]), *words[2:6])
            for words in (line.split("\t") for line in clients.lines[:requests])
        ]

    return asyncio.run(ask())


def test_a_kept_connection_is_used_again() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        try:
            while True:
                await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            writer.close()

    seen = asked(serve, 5, "kept")
    assert [one.outcome for one in seen] == ["ok"] * 5
    assert {one.version for one in seen} == {"1.0.0"}
    assert connections == 1


def test_a_reused_connection_that_was_closed_is_opened_again_and_counted() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        writer.close()

    seen = asked(serve, 3, "kept")
    assert [one.outcome for one in seen] == ["ok", "reconnected", "reconnected"]


def test_a_reused_connection_that_was_reset_before_the_first_byte_is_opened_again() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        await reader.readuntil(b"\r\n\r\n")
        reset(writer)

    seen = asked(serve, 3, "kept")
    assert [one.outcome for one in seen] == ["ok", "reconnected", "reconnected"]
    assert seen[1].text == "reset before the first byte"


def test_a_fresh_connection_that_is_reset_is_a_failure() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reset(writer)

    assert [one.outcome for one in asked(serve, 2, "kept")] == ["failed", "failed"]
    assert [one.outcome for one in asked(serve, 2, "fresh")] == ["failed", "failed"]


def test_an_answer_that_is_cut_off_is_a_failure_on_a_reused_connection_too() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        await answer(reader, writer, GOOD[:-5])
        writer.close()

    seen = asked(serve, 3, "kept")
    assert [one.outcome for one in seen] == ["ok", "failed", "ok"]
    assert seen[1].text == "cut off within the body"


def test_a_bad_gateway_is_a_failure() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    seen = asked(serve, 1, "fresh")
    assert (seen[0].outcome, seen[0].text) == ("failed", "HTTP/1.1 502 Bad Gateway")


def test_nobody_listening_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    async def ask() -> list[str]:
        clients = Clients("127.0.0.1", port)
        task = asyncio.create_task(clients.new_each_time("loop", 0.0))
        while not clients.lines:
            await asyncio.sleep(0)
        clients.stop.set()
        await task
        return clients.lines

    assert "\tfailed\t" in asyncio.run(ask())[0]


def test_a_server_that_says_close_costs_no_reconnect() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer, GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        writer.close()

    assert [one.outcome for one in asked(serve, 3, "kept")] == ["ok"] * 3


def test_a_tally_counts_and_names_the_commonest_failures() -> None:
    requests = [
        Request(0.0, 5.0, "loop", "ok", "1.0.0", ""),
        Request(0.1, 7.0, "kept", "reconnected", "1.0.0", "closed before the first byte"),
        Request(0.2, 9.0, "loop", "failed", "", "refused"),
    ]
    tally = Tally.of(requests)
    assert (tally.requests, tally.failed, tally.reconnects, tally.slowest_ms) == (3, 1, 1, 9.0)
    assert tally.errors == ("1 x refused (loop)",)
