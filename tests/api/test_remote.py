"""TLS in front of the door: halves that end one by one, and nobody who is not known."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from skerry.control import secrets, users
from skerry.model.conditions import Conditions
from skerry.store.audit import AuditLog
from tests.api.door import until
from tests.api.harbour import Harbour, check


def test_an_administrator_reaches_the_engine(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        chief = await harbour.user("chief", "admin")
        status, text = await harbour.ask(chief, "GET", "/v1.41/reflect?a=b")
        assert (status, text[:29]) == (200, "GET /v1.41/reflect?a=b HTTP/1")
        status, _ = await harbour.ask(chief, "POST", "/v1.41/sum", {"a": 1})
        (entry,) = harbour.audit.entries(9)
        assert (entry["who"], entry["role"], entry["method"], entry["path"], entry["status"]) == (
            ("chief", "admin", "POST", "/sum", status)
        )

    check(tmp_path, test)


def test_a_stream_ends_by_halves(tmp_path: Path) -> None:
    """docker exec -i sends its end and waits for the rest of the answer: over TLS too."""

    def client(port: int, context: ssl.SSLContext) -> bytes:
        with socket.create_connection(("127.0.0.1", port)) as raw:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

            def until_done(step: Callable[[], Any]) -> Any:
                while True:
                    try:
                        result = step()
                    except ssl.SSLWantReadError:
                        raw.sendall(outgoing.read())
                        incoming.write(raw.recv(65536))
                    else:
                        raw.sendall(outgoing.read())
                        return result

            until_done(tls.do_handshake)
            tls.write(b"POST /session HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
            said = b""
            while b"\r\n\r\n" not in said:
                said += until_done(lambda: tls.read(65536))
            tls.write(b"hello")
            said = b""
            while said != b"HELLO":
                said += until_done(lambda: tls.read(65536))
            with pytest.raises(ssl.SSLWantReadError):
                tls.unwrap()  # says the end of its half
            raw.sendall(outgoing.read())
            return bytes(until_done(lambda: tls.read(65536)))

    async def test(harbour: Harbour) -> None:
        chief = await harbour.user("chief", "admin")
        assert await asyncio.to_thread(client, harbour.port, chief) == b"bye"
        await until(lambda: not harbour.server.connections and not harbour.engine.open)

    check(tmp_path, test)


def test_a_large_body_and_a_slow_reader(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        reader, writer = await harbour.connect(await harbour.user("chief", "admin"))
        writer.write(b"POST /sum HTTP/1.1\r\nContent-Length: 32000000\r\nConnection: close\r\n\r\n")
        for _ in range(64):
            writer.write(b"z" * 500_000)
            await writer.drain()
        assert b"32000000" in await reader.read(-1)
        writer.close()

    check(tmp_path, test)


def test_nobody_else_gets_an_answer(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        anonymous = ssl.create_default_context(cadata=harbour.store.view.cluster.ca_cert)  # type: ignore[union-attr]
        with pytest.raises((ssl.SSLError, ConnectionError, IndexError)):
            await harbour.ask(anonymous, "GET", "/_ping")
        gone = await harbour.user("gone", "admin")
        assert (await harbour.ask(gone, "GET", "/_ping"))[0] == 200
        reader, writer = await harbour.connect(gone)
        writer.write(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
        assert b" 200 " in await reader.readline()
        await users.remove(harbour.store, "gone")
        with pytest.raises((ssl.SSLError, ConnectionError, IndexError)):
            await harbour.ask(gone, "GET", "/_ping")
        with suppress(ConnectionError, ssl.SSLError):
            await reader.read(-1)  # the connection that was there is cut
        writer.close()
        await until(lambda: not harbour.server.connections)

    check(tmp_path, test)


def test_a_role_is_held_against_each_request(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        ci = await harbour.user("ci", "deploy:shop", Images=["app"])
        labels = {"com.docker.stack.namespace": "shop"}
        key = await secrets.create(harbour.store, {"Name": "other_word", "Data": "YQ=="})
        before, heads = harbour.store.view, len(harbour.engine.heads)
        for method, path in [
            ("GET", f"/secrets/{key}"),
            ("DELETE", f"/secrets/{key[:9]}"),
            ("POST", "/build"),
        ]:
            status, answer = await harbour.ask(ci, method, path)
            assert status == 403
            assert answer["message"].startswith(f"user ci (deploy:shop) may not {method} {path}: ")
            assert harbour.audit.entries(1)[0]["refused"] == answer["message"]
        assert harbour.store.view is before
        assert b"POST /build" not in "".join(harbour.engine.heads[heads:]).encode()
        body = {"Name": "shop_word", "Labels": labels, "Data": "YQ=="}
        assert (await harbour.ask(ci, "POST", "/secrets/create", body))[0] == 201
        listed = (await harbour.ask(ci, "GET", "/secrets"))[1]
        assert [row["Spec"]["Name"] for row in listed] == ["shop_word"]
        assert (await harbour.ask(ci, "GET", "/secrets/shop_none"))[0] == 404

    check(tmp_path, test)


def test_who_was_removed_may_not_even_on_a_connection_that_stays(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        user = await harbour.user("old", "admin")
        reader, writer = await harbour.connect(user)
        await until(lambda: bool(harbour.server.connections))
        harbour.remote._users.clear()  # nobody cuts it
        await users.remove(harbour.store, "old")
        writer.write(b"GET /services HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
        assert b" 403 " in await reader.readline()
        writer.close()

    check(tmp_path, test)


def test_the_audit_log_is_bounded_and_for_its_owner(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log", limit=1000)
    for number in range(100):
        log.append({"number": number})
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2100
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert [entry["number"] for entry in log.entries(3)] == [97, 98, 99]
    assert log.entries(0) == []


def test_a_disk_that_takes_no_line_is_a_condition(tmp_path: Path) -> None:
    conditions = Conditions()
    log = AuditLog(tmp_path / "none" / "audit.log", conditions)
    log.append({})
    assert "can't be written" in conditions.texts[0]
    (tmp_path / "none").mkdir()
    log.append({})
    assert conditions.texts == []
