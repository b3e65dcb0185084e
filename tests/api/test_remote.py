"""TLS in front of the door: halves that end one by one, and nobody who is not known."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skerry.api.app import make_app
from skerry.api.deps import ApiDeps
from skerry.api.door.frontdoor import Server, serve
from skerry.api.remote import RemoteListeners
from skerry.control import listeners, secrets, swarm, users
from skerry.engine.client import connect_engine
from skerry.model.conditions import Conditions
from skerry.model.objects import Network
from skerry.store.audit import AuditLog
from skerry.store.store import Store
from tests.api.door import FILE_DIRS, KnownHealth, unchunked, until
from tests.api.fake_socket import FakeSocket
from tests.control.swarm_of_one import INIT
from tests.support.memory import memory_store


@dataclass
class Town:
    """A door over a fake engine, served at a port."""

    store: Store
    server: Server
    remote: RemoteListeners
    audit: AuditLog
    engine: FakeSocket
    port: int
    folder: Path

    async def user(self, name: str, role: str, **more: Any) -> ssl.SSLContext:
        """A new user's side of TLS."""
        admitted = await users.add(self.store, {"Name": name, "Role": role, **more})
        pem = self.folder / f"{name}.pem"
        pem.write_text(admitted.issued.certificate + admitted.issued.key)
        context = ssl.create_default_context(cadata=admitted.authority)
        context.load_cert_chain(pem)
        return context

    async def connect(self, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection of a user's."""
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname="localhost", limit=1 << 22
        )

    async def ask(self, context: ssl.SSLContext, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status of an answer, and its JSON or its text."""
        data = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: {len(data)}\r\n"
        kind = "Content-Type: application/json\r\n" if data else ""
        reader, writer = await self.connect(context)
        writer.write(f"{head}{kind}\r\n".encode() + data)
        got = await reader.read(-1)
        writer.close()
        head, _, text = got.decode().partition("\r\n\r\n")
        if "transfer-encoding: chunked" in head.lower():
            text = unchunked(text.encode()).decode()
        try:
            return int(head.split()[1]), json.loads(text)
        except ValueError:
            return int(head.split()[1]), text


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """One of them."""
    fake, store = FakeSocket(None), memory_store()
    store._clock = time.time_ns  # certificates are held against the real time
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with fake.serving(f"{folder}/e.sock"):
        engine = await connect_engine(f"{folder}/e.sock")
        remote = RemoteListeners(store, time.time_ns, dict, Conditions())
        audit = AuditLog(folder / "audit.log")

        async def allocate(key: str) -> Network:
            return store.view.networks[key]

        deps = ApiDeps(
            store,
            engine,
            KnownHealth(),
            FILE_DIRS,
            allocate,
            clock=time.time_ns,
            audit=audit,
            listens=remote.listens,
        )
        server = await serve(f"{folder}/s.sock", make_app(deps), f"{folder}/e.sock")
        remote.attach(server)
        await swarm.init(store, INIT, "vm", {"Hostname": "vm"})
        await listeners.add(store, listeners.read_address(f"tcp://127.0.0.1:{port}"))
        running = asyncio.create_task(remote.run())
        try:
            assert await remote.listens(f"tcp://127.0.0.1:{port}") == ""
            yield Town(store, server, remote, audit, fake, port, folder)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            remote.close()
            await server.close()
            await engine.close()


def check(folder: Path, test: Callable[[Town], Awaitable[None]]) -> None:
    """Run a test in a town."""

    async def run() -> None:
        async with asyncio.timeout(15), town(folder) as place:
            await test(place)

    asyncio.run(run())


def test_an_administrator_reaches_the_engine(tmp_path: Path) -> None:
    async def test(town: Town) -> None:
        chief = await town.user("chief", "admin")
        status, text = await town.ask(chief, "GET", "/v1.41/reflect?a=b")
        assert (status, text[:29]) == (200, "GET /v1.41/reflect?a=b HTTP/1")
        status, _ = await town.ask(chief, "POST", "/v1.41/sum", {"a": 1})
        (entry,) = town.audit.entries(9)
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

    async def test(town: Town) -> None:
        chief = await town.user("chief", "admin")
        assert await asyncio.to_thread(client, town.port, chief) == b"bye"
        await until(lambda: not town.server.connections and not town.engine.open)

    check(tmp_path, test)


def test_a_large_body_and_a_slow_reader(tmp_path: Path) -> None:
    async def test(town: Town) -> None:
        reader, writer = await town.connect(await town.user("chief", "admin"))
        writer.write(b"POST /sum HTTP/1.1\r\nContent-Length: 32000000\r\nConnection: close\r\n\r\n")
        for _ in range(64):
            writer.write(b"z" * 500_000)
            await writer.drain()
        assert b"32000000" in await reader.read(-1)
        writer.close()

    check(tmp_path, test)


def test_nobody_else_gets_an_answer(tmp_path: Path) -> None:
    async def test(town: Town) -> None:
        anonymous = ssl.create_default_context(cadata=town.store.view.cluster.ca_cert)  # type: ignore[union-attr]
        with pytest.raises((ssl.SSLError, ConnectionError, IndexError)):
            await town.ask(anonymous, "GET", "/_ping")
        gone = await town.user("gone", "admin")
        assert (await town.ask(gone, "GET", "/_ping"))[0] == 200
        reader, writer = await town.connect(gone)
        writer.write(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
        assert b" 200 " in await reader.readline()
        await users.remove(town.store, "gone")
        with pytest.raises((ssl.SSLError, ConnectionError, IndexError)):
            await town.ask(gone, "GET", "/_ping")
        with suppress(ConnectionError, ssl.SSLError):
            await reader.read(-1)  # the connection that was there is cut
        writer.close()
        await until(lambda: not town.server.connections)

    check(tmp_path, test)


def test_a_role_is_held_against_each_request(tmp_path: Path) -> None:
    async def test(town: Town) -> None:
        ci = await town.user("ci", "deploy:shop", Images=["app"])
        labels = {"com.docker.stack.namespace": "shop"}
        key = await secrets.create(town.store, {"Name": "other_word", "Data": "YQ=="})
        before, heads = town.store.view, len(town.engine.heads)
        for method, path in [
            ("GET", f"/secrets/{key}"),
            ("DELETE", f"/secrets/{key[:9]}"),
            ("POST", "/build"),
        ]:
            status, answer = await town.ask(ci, method, path)
            assert status == 403
            assert answer["message"].startswith(f"user ci (deploy:shop) may not {method} {path}: ")
            assert town.audit.entries(1)[0]["refused"] == answer["message"]
        assert town.store.view is before
        assert b"POST /build" not in "".join(town.engine.heads[heads:]).encode()
        body = {"Name": "shop_word", "Labels": labels, "Data": "YQ=="}
        assert (await town.ask(ci, "POST", "/secrets/create", body))[0] == 201
        listed = (await town.ask(ci, "GET", "/secrets"))[1]
        assert [row["Spec"]["Name"] for row in listed] == ["shop_word"]
        assert (await town.ask(ci, "GET", "/secrets/shop_none"))[0] == 404

    check(tmp_path, test)


def test_who_was_removed_may_not_even_on_a_connection_that_stays(tmp_path: Path) -> None:
    async def test(town: Town) -> None:
        user = await town.user("old", "admin")
        reader, writer = await town.connect(user)
        await until(lambda: bool(town.server.connections))
        town.remote._users.clear()  # nobody cuts it
        await users.remove(town.store, "old")
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
