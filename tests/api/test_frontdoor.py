"""The front door: bytes through it to a fake engine, and what it keeps for itself."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import ClassVar

import pytest
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from skerry.api.door.frontdoor import AlreadyServed, bind
from tests.api.door import Door, check, until
from tests.api.fake_socket import SERVER


def test_a_request_goes_through_with_its_connection_closed() -> None:
    async def test(door: Door) -> None:
        told = await door.raw(b"GET /v1.41/reflect?a=b HTTP/1.1\r\nHost: d\r\nX-A: 1\r\n\r\n")
        head = told.body.decode()
        assert head.startswith("GET /v1.41/reflect?a=b HTTP/1.1\r\nHost: d\r\nX-A: 1\r\n")
        assert "Connection: close" in head

    check(test)


def test_a_chunked_upload_comes_back_as_it_goes() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(8) == b"3\r\nabc\r\n"
        writer.write(b"2\r\nde\r\n0\r\n\r\n")
        assert await reader.readexactly(12) == b"2\r\nde\r\n0\r\n\r\n"
        writer.close()

    check(test)


def test_expect_continue_passes() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        head = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"0\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"0\r\n\r\n")
        writer.close()

    check(test)


def test_an_upgraded_stream_ends_by_halves() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(b"POST /session HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        assert b"101 UPGRADED" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"HELLO"
        writer.write_eof()
        assert await reader.read(-1) == b"bye"
        assert "Upgrade: tcp\r\nConnection: Upgrade\r\n" in door.engine.heads[-1]
        writer.close()
        await until(lambda: not door.server.connections and not door.engine.open)

    check(test)


def test_a_large_body_arrives_whole() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(b"POST /sum HTTP/1.1\r\nContent-Length: 32000000\r\n\r\n")
        for _ in range(64):
            writer.write(b"z" * 500_000)
            await writer.drain()
        writer.write_eof()
        assert (await reader.read(-1)).endswith(b"32000000")
        writer.close()

    check(test)


def test_a_slow_reader_holds_the_engine_back() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(b"GET /flood?size=50000000 HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        while before != door.engine.sent:  # until it sends no more
            before = door.engine.sent
            await asyncio.sleep(0.05)
        assert before < 10_000_000
        left = 50_000_000
        while left:
            left -= len(await reader.read(1 << 20))
        assert not left
        writer.close()

    check(test)


def test_an_answer_before_the_body_reaches_the_client() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(b"POST /early HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 100_000)
        assert (await reader.read(-1)).endswith(b'{"message":"no"}')
        writer.close()
        await until(lambda: not door.engine.open)

    check(test)


def test_a_client_that_hangs_up_takes_the_engine_connection_along() -> None:
    async def test(door: Door) -> None:
        _, writer = await door.connect()
        writer.write(b"GET /hang HTTP/1.1\r\n\r\n")
        await until(lambda: door.engine.open == 1 and bool(door.engine.heads))
        writer.close()
        await until(lambda: not door.engine.open and not door.server.connections)

    check(test)


def test_a_hang_up_after_half_close_is_noticed() -> None:
    async def test(door: Door) -> None:
        _, writer = await door.connect()
        writer.write(b"POST /session HTTP/1.1\r\nUpgrade: tcp\r\n\r\n")
        await until(lambda: bool(door.engine.heads))
        writer.write_eof()
        writer.close()
        await until(lambda: not door.engine.open)
        door.server._sweep()
        await until(lambda: not door.server.connections)

    check(test)


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"nonsense\r\n\r\n", 400), (b"\x16\x03\x01\x00\x00", 400), (b"A" * 2_000_000, 431)],
    ids=["words", "TLS", "too long"],
)
def test_nonsense_is_refused(data: bytes, status: int) -> None:
    async def test(door: Door) -> None:
        told = await door.raw(data)
        assert told.status == status
        assert told.body.startswith(f"{status} ".encode())
        assert "content-type: text/plain" in told.head
        assert not door.engine.heads

    check(test)


def test_no_engine_is_a_sentence() -> None:
    async def test(door: Door) -> None:
        os.unlink(door.server.engine_socket)  # noqa: PTH108 - nothing that blocks
        for target in ("/images/json", "/services"):
            told = await door.ask("GET", target)
            assert told.status == 503
            assert "is dockerd running?" in told.json["message"]

    check(test)


def test_the_engines_swarm_is_never_asked() -> None:
    async def test(door: Door) -> None:
        for method, target in [
            ("POST", "/swarm%2Fnonsense"),
            ("POST", "/v1.41/swarm/nonsense"),
            ("PUT", "/services"),
            ("GET", "/services/a/b/c"),
            ("GET", "/v1.41.0/nodes/a/b"),
        ]:
            told = await door.ask(method, target)
            assert (told.status, told.json) == (404, {"message": "page not found"}), target
        assert all(head.startswith("GET /version") for head in door.engine.heads)

    check(test)


def test_owned_answers_carry_dockers_headers() -> None:
    async def test(door: Door) -> None:
        told = await door.ask("GET", "/v1.41/services")
        assert told.status == 503
        assert "This node is not a swarm manager." in told.json["message"]
        for line in ("api-version: 1.41", "ostype: linux", "docker-experimental: false"):
            assert line in told.head
        assert f"server: {SERVER}".lower() in told.head
        assert "content-type: application/json\r\n" in told.head + "\r\n"

    check(test)


def test_a_half_closed_client_still_gets_an_owned_answer() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(b"GET /services HTTP/1.1\r\nHost: d\r\n\r\n")
        writer.write_eof()
        assert b"not a swarm manager" in await reader.read(-1)
        writer.close()

    check(test)


def mode_of(path: Path) -> int | None:
    """A file's permissions; None where it is not there."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


def test_the_socket_and_its_file() -> None:
    async def test(door: Door) -> None:
        path = door.server.path
        assert mode_of(path) == 0o660
        with pytest.raises(AlreadyServed, match="already"):
            bind(path, 0o660, "docker")
        await door.server.close()
        assert mode_of(path) == 0o660, "whoever has it bound waits for the next server"

    check(test)


def test_a_stale_socket_is_replaced_and_a_file_is_not() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.sock"
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(os.fspath(path))
        bind(path, 0o600, "no-such-group").close()
        path.unlink()
        path.write_text("mine")
        with pytest.raises(AlreadyServed, match="no socket"):
            bind(path, 0o600, "docker")
        assert path.read_text() == "mine"


def test_closing_ends_the_streams() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await door.server.close()
        await reader.read(-1)
        writer.close()

    check(test)


def test_many_clients_at_once() -> None:
    async def test(door: Door) -> None:
        answers = await asyncio.gather(*(door.raw(b"GET /reflect HTTP/1.1\r\n\r\n") for _ in range(50)))
        assert all(told.status == 200 for told in answers)
        await until(lambda: not door.server.connections)

    check(test)


@pytest.mark.case("D1")
def test_an_upgrade_that_is_none_hands_nothing_to_the_engine() -> None:
    wish = b"Connection: Upgrade\r\nUpgrade: TLS/1.2\r\nHost"

    async def test(door: Door) -> None:
        for request in (b"GET /reflect", b"POST /containers/nosuch/attach", b"POST /exec/nosuch/start"):
            reader, writer = await door.connect()
            writer.write(request + b" HTTP/1.1\r\n" + wish + b": d\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"GET /services HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            assert b"This node is not a swarm manager." in await reader.read(-1)
            writer.close()
        assert not any("/services" in head for head in door.engine.heads)

    check(test)


def test_an_engine_that_takes_the_connection_without_a_word_has_it() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(b"POST /exec/raw/start HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}ahead")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(7) == b"{}AHEAD"
        writer.write_eof()
        assert await reader.read(-1) == b""
        writer.close()

    check(test)


@pytest.mark.case("D1")
@pytest.mark.parametrize(
    "target", ["//v1.41//services?a=b", "/x/../v1.41/services?a=b", "/v1.41/%2e/services?a=b"]
)
def test_a_path_that_is_not_clean_is_redirected_as_dockerd_does(target: str) -> None:
    async def test(door: Door) -> None:
        answer = await door.ask("GET", target)
        assert answer.status == 301
        assert "location: /v1.41/services?a=b\r\n" in answer.head
        assert not any("services" in head for head in door.engine.heads)

    check(test)


@pytest.mark.case("D1")
@pytest.mark.parametrize(
    "target", ["/v1.41.0/services", "/v1.40.9/services", "/v1.41./services", "x:/services"]
)
def test_a_spelling_of_ours_is_answered_by_us(target: str) -> None:
    async def test(door: Door) -> None:
        answer = await door.ask("GET", target)
        assert answer.status == 503
        assert "This node is not a swarm manager." in answer.json["message"]

    check(test)


@pytest.mark.parametrize(
    ("version", "words"),
    [("1.41.1", "too new"), ("1.23.9", "too old"), ("...", "too old"), ("9" * 5000, "too new")],
)
def test_a_version_out_of_range(version: str, words: str) -> None:
    async def test(door: Door) -> None:
        answer = await door.ask("GET", f"/v{version}/services")
        assert answer.status == 400
        assert f"client version {version} is {words}." in answer.json["message"]

    check(test)


PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
REFLECT = b"GET /reflect HTTP/1.1\r\nHost: d\r\n\r\n"
UNLOCK = b"POST /swarm/unlock HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}"


def test_a_connection_is_kept_whoever_answers() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        for request, status, end in ((PING, b"200", b"OK"), (UNLOCK, b"503", b"}\n"), (PING, b"200", b"OK")):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + status)
            assert b"onnection: close" not in head
            await reader.readuntil(end)
        assert len(door.server.connections) == 1
        for _ in range(2):
            writer.write(REFLECT)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"onnection: close" not in head
            assert b"Connection: close" in await reader.readuntil(b"\r\n\r\n"), "what the engine is told"
        assert len(door.server.connections) == 1
        writer.close()

    check(test)


@pytest.mark.parametrize("request_", [PING, REFLECT])
@pytest.mark.parametrize("wish", [b"close", b"keep-alive, Close"])
def test_a_connection_is_closed_where_the_client_wishes(request_: bytes, wish: bytes) -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(request_.replace(b"Host", b"Connection: " + wish + b"\r\nHost") + PING)
        answer = await reader.read(-1)
        assert answer.count(b"HTTP/1.1 200") == 1
        assert b"Connection: close" in answer
        writer.close()

    check(test)


def test_what_is_sent_ahead_is_answered_in_turn() -> None:
    async def test(door: Door) -> None:
        told = await door.raw(PING + UNLOCK + PING + REFLECT + UNLOCK + b"rest")
        first, second, third, fourth, head, fifth = told.body.split(b"HTTP/1.1")
        second, third, fourth, fifth = second[1:], third[1:], fourth[1:] + head, fifth[1:]
        assert (told.status, first) == (200, b"OK")
        assert second.startswith(b"503")
        assert third.startswith(b"200")
        assert fourth.startswith(b"200")
        assert b"GET /reflect" in fourth
        assert fifth.startswith(b"503"), "the engine got nothing of what came behind its request"

    check(test)


def test_what_is_left_behind_a_body_does_not_keep_the_connection() -> None:
    async def test(door: Door) -> None:
        assert (await door.raw(UNLOCK + b"}")).status == 503

    check(test)


def test_a_client_that_sends_ever_more_ahead_is_not_read() -> None:
    async def test(door: Door) -> None:
        reader, writer = await door.connect()
        writer.write(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(PING * 80_000)
        (connection,) = door.server.connections

        def unread() -> bool:
            return connection._transport is not None and not connection._transport.is_reading()

        def gone() -> bool:
            connection.check()
            return not door.server.connections

        await until(unread)
        assert len(connection._heads.buffer) < 1 << 21
        writer.transport.abort()
        await until(gone)

    check(test)


class Noting(AbstractAccessLogger):
    """An access log that notes whose answer is whole."""

    noted: ClassVar[list[str]] = []

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Note it."""
        self.noted.append(f"{request.path} {response.status}")


async def test_aiohttps_access_log_is_told_once_that_an_answer_is_whole_and_by_then_it_is(
    tmp_path: Path,
) -> None:
    """The door waits for exactly this before it reads a connection's next head (`connection.Answered`)."""
    goes_on = asyncio.Event()

    async def whole(request: web.Request) -> web.Response:
        return web.Response(text="whole")

    async def streamed(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begin")
        await goes_on.wait()
        await response.write(b"end")
        return response

    app = web.Application()
    app.add_routes([web.get("/whole", whole), web.get("/streamed", streamed)])
    log = logging.getLogger("test.access")
    runner = web.AppRunner(app, access_log=log, access_log_class=Noting)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    Noting.noted.clear()
    try:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        for number, target in enumerate(("/whole", "/missing"), 1):
            writer.write(f"GET {target} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
            while len(Noting.noted) < number:
                await asyncio.sleep(0.005)
        writer.write(b"GET /streamed HTTP/1.1\r\nHost: d\r\n\r\n")
        await reader.readuntil(b"begin\r\n")
        assert len(Noting.noted) == 2
        goes_on.set()
        await reader.readuntil(b"0\r\n\r\n")
        await until(lambda: Noting.noted == ["/whole 200", "/missing 404", "/streamed 200"])
        writer.close()
    finally:
        await runner.cleanup()
