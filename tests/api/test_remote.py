"""TLS in front of the door: halves that end one by one, and nobody who is not known."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from skerry.control import ca, networks, secrets, swarm, users
from skerry.control.certificates import issue, issue_to_server
from skerry.model.conditions import Conditions
from skerry.model.defaults import HOUR
from skerry.model.objects import Service, User
from skerry.store.audit import AuditLog
from tests.api.door import until
from tests.api.harbour import Harbour, check

ANSWERS: dict[str, object] = {"GET /_ping": b"OK"}


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

    check(tmp_path, test, ANSWERS)


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

    check(tmp_path, test, ANSWERS)


def test_a_large_body_and_a_slow_reader(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        reader, writer = await harbour.connect(await harbour.user("chief", "admin"))
        writer.write(b"POST /sum HTTP/1.1\r\nContent-Length: 32000000\r\nConnection: close\r\n\r\n")
        for _ in range(64):
            writer.write(b"z" * 500_000)
            await writer.drain()
        assert b"32000000" in await reader.read(-1)
        writer.close()

    check(tmp_path, test, ANSWERS)


def test_nobody_else_gets_an_answer(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        anonymous = ssl.create_default_context(cadata=harbour.store.view.cluster.ca_cert)  # type: ignore[union-attr]
        assert not await _is_answered(harbour, anonymous)
        gone = await harbour.user("gone", "admin")
        assert await _is_answered(harbour, gone)
        reader, writer = await harbour.connect(gone)
        writer.write(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
        assert b" 200 " in await reader.readline()
        await users.remove(harbour.store, "gone")
        assert not await _is_answered(harbour, gone)
        with suppress(ConnectionError, ssl.SSLError):
            await reader.read(-1)  # the connection that was there is cut
        writer.close()
        await until(lambda: not harbour.server.connections)

    check(tmp_path, test, ANSWERS)


DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("whose", "since", "answers"),
    [
        ("the swarm's", 0, True),
        ("the swarm's", -2 * DAY, False),  # it was valid for a day
        ("the swarm's", 2 * DAY, False),  # it is not valid yet
        ("another's", 0, False),
    ],
)
def test_a_certificate_is_of_the_swarms_authority_and_of_today(
    tmp_path: Path, whose: str, since: int, answers: bool
) -> None:
    """The user is known by the certificate each time."""

    async def test(harbour: Harbour) -> None:
        cluster = harbour.store.view.cluster
        assert cluster is not None
        own = (cluster.ca_cert, cluster.ca_key) if whose == "the swarm's" else ca.create(time.time_ns())
        issued = issue(*own, "somebody", time.time_ns() + since, 1)
        known = User("u", "somebody", "admin", fingerprint=issued.fingerprint, expires_at=1 << 62)
        await harbour.store.update(lambda tx: tx.put(known))
        (tmp_path / "pem").write_text(issued.certificate + issued.key)
        context = ssl.create_default_context(cadata=cluster.ca_cert)
        context.load_cert_chain(tmp_path / "pem")
        assert await _is_answered(harbour, context) is answers

    check(tmp_path, test, ANSWERS)


def test_a_certificate_that_no_user_has_gets_no_answer(tmp_path: Path) -> None:
    """Be it of the swarm's authority."""

    async def test(harbour: Harbour) -> None:
        known = await harbour.user("known", "admin")
        await users.remove(harbour.store, "known")
        assert not await _is_answered(harbour, known)

    check(tmp_path, test, ANSWERS)


def test_the_apis_own_certificate_is_nobodys_who_asks(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        cluster = harbour.store.view.cluster
        assert cluster is not None
        own = issue_to_server(cluster.ca_cert, cluster.ca_key, ["localhost"], time.time_ns(), 1)
        known = User("u", "skerry", "admin", fingerprint=own.fingerprint, expires_at=1 << 62)
        await harbour.store.update(lambda tx: tx.put(known))
        (tmp_path / "pem").write_text(own.certificate + own.key)
        context = ssl.create_default_context(cadata=cluster.ca_cert)
        context.load_cert_chain(tmp_path / "pem")
        assert not await _is_answered(harbour, context)

    check(tmp_path, test, ANSWERS)


def test_a_rotated_authority_knows_nobody_of_before(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        before = await harbour.user("before", "admin")
        reader, writer = await harbour.connect(before)
        await until(lambda: bool(harbour.server.connections))
        cluster = harbour.store.view.cluster
        assert cluster is not None
        await swarm.update(
            harbour.store, str(cluster.version), {"CAConfig": {"ForceRotate": 1}}, False, False
        )
        await until(lambda: not harbour.server.connections)
        with suppress(ConnectionError, ssl.SSLError):
            assert await reader.read(-1) == b""
        writer.close()
        assert not await _is_answered(harbour, before)
        assert await _is_answered(harbour, await harbour.user("after", "admin"))

    check(tmp_path, test, ANSWERS)


async def _is_answered(harbour: Harbour, context: ssl.SSLContext) -> bool:
    try:
        return (await harbour.ask(context, "GET", "/_ping"))[0] == 200
    except (ssl.SSLError, ConnectionError, IndexError):
        return False


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

    check(tmp_path, test, ANSWERS)


def test_revisions_are_shown_and_gone_back_to_within_the_stack(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        for name in ("shop_web", "other_web"):
            await _three_revisions(harbour, name)
        ci = await harbour.user("ci", "deploy:shop", Images=["app"])
        reader = await harbour.user("reader", "read")
        for user, name, expected in (
            (ci, "shop_web", 200),
            (reader, "other_web", 200),
            (ci, "other_web", 403),
        ):
            status, rows = await harbour.ask(user, "GET", f"/skerry/services/{name}/revisions")
            assert status == expected
            assert status == 403 or [row["Number"] for row in rows] == [1, 2, 3]
        for user, name, number, expected in (
            (reader, "shop_web", 1, 403),
            (ci, "other_web", 1, 403),
            (ci, "shop_web", 9, 404),
            (ci, "shop_web", 2, 403),
            (ci, "shop_web", 1, 200),
        ):
            path = f"/skerry/services/{name}/rollback?to={number}"
            assert (await harbour.ask(user, "POST", path))[0] == expected

    check(tmp_path, test, ANSWERS)


def test_what_was_allowed_is_gone_back_to_whatever_has_come_since(tmp_path: Path) -> None:
    async def test(harbour: Harbour) -> None:
        await _revisions(harbour, "shop_web", "app:1", "app:2")

        async def meanwhile() -> tuple[int, object]:
            """While it is asked whose a volume is, an administrator changes the service, and back."""
            await _revisions(harbour, "shop_web", "evil", "app:3")
            return 404, {"message": "no such volume"}

        harbour.engine.answers["GET /volumes/shop_data"] = meanwhile
        ci = await harbour.user("ci", "deploy:shop", Images=["app"])
        status, answer = await harbour.ask(ci, "POST", "/skerry/services/shop_web/rollback")
        assert (status, answer["To"], answer["Revision"]) == (200, 1, 5)

    check(tmp_path, test, ANSWERS)


async def _three_revisions(harbour: Harbour, name: str) -> None:
    """A service of a stack whose second image the stack may not run."""
    await _revisions(harbour, name, "app:1", "evil", "app:2")


async def _revisions(harbour: Harbour, name: str, *images: str) -> None:
    """Revisions of a service of a stack, by an administrator."""
    chief = await harbour.user(f"chief_of_{name}_{images[0].replace(':', '_')}", "admin")
    service = harbour.store.view.service_named(name)
    path = "/services/create" if service is None else _update_of(service)
    for image in images:
        labels = {"com.docker.stack.namespace": name.partition("_")[0]}
        mount = {"Type": "volume", "Source": "shop_data", "Target": "/data"}
        container = {"Image": image, "Mounts": [mount]}
        spec = {"Name": name, "Labels": labels, "TaskTemplate": {"ContainerSpec": container}}
        status, told = await harbour.ask(chief, "POST", path, spec)
        assert status in (200, 201), told
        service = harbour.store.view.service_named(name)
        assert service is not None
        path = _update_of(service)


def _update_of(service: Service) -> str:
    return f"/services/{service.id}/update?version={service.version}"


def test_bytes_that_are_no_text_are_told_as_such(tmp_path: Path) -> None:
    """Neither the refusal nor the entry can be prevented by them, nor do they steer a terminal."""

    async def test(harbour: Harbour) -> None:
        for user in (
            await harbour.user("ci", "deploy:shop", Images=["app"]),
            await harbour.user("chief", "admin"),
        ):
            status, _ = await harbour.ask(user, "POST", "/containers/%ff%1b[2J/kill")
            assert status in (403, 404)
            entry = harbour.audit.entries(1)[0]
            assert entry["path"] == "/containers/\\udcff\\x1b[2J/kill"
            assert entry["status"] == status
        long = "x" * 100_000
        assert (await harbour.ask(await harbour.user("cd", "read"), "POST", f"/{long}"))[0] == 403
        assert len(str(harbour.audit.entries(1)[0])) < 2000

    check(tmp_path, test, ANSWERS)


def test_a_network_of_the_engines_own_is_not_the_stacks(tmp_path: Path) -> None:
    """Not even where it is called as one of the stack's, which is asked for in the engine's scope."""

    async def test(harbour: Harbour) -> None:
        labels = {"com.docker.stack.namespace": "shop"}
        await networks.create(harbour.store, {"Name": "shop_net", "Driver": "overlay", "Labels": labels})
        ci = await harbour.user("ci", "deploy:shop", Images=["app"])
        assert (await harbour.ask(ci, "GET", "/networks/shop_net"))[1]["Driver"] == "overlay"
        status, answer = await harbour.ask(ci, "GET", "/networks/shop_net?scope=local")
        assert (status, "bridge" in str(answer)) == (404, False)

    bridge = {"Name": "shop_net", "Id": "e" * 64, "Driver": "bridge", "Labels": {}}
    check(tmp_path, test, {**ANSWERS, "GET /networks/shop_net": bridge, "GET /networks": [bridge]})


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

    check(tmp_path, test, ANSWERS)


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
