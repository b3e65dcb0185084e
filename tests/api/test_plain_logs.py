"""`/skerry/logs` over the front door: one stream of JSON lines for all tasks of all that is named."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from skerry.model.objects import Service, Task
from skerry.model.times import instant
from tests.api.door import Door, check, running, swarmed
from tests.api.test_routes_logs import frame

TIMES = [f"2026-01-01T00:00:0{second}.000000000Z" for second in range(4)]
LOGS = {
    "GET /containers/c1/logs": (200, frame(1, f"{TIMES[0]} zero\n") + frame(2, f"{TIMES[3]} three\n")),
    "GET /containers/c2/logs": (200, frame(1, f"{TIMES[1]} one\n") + frame(1, f"{TIMES[2]} two\n")),
}


async def with_two(door: Door) -> tuple[Service, Task]:
    await swarmed(door)
    service, task = await running(door)
    other = replace(task, id="other", slot=2, status=replace(task.status, container_id="c2"))
    await door.store.update(lambda tx: tx.put(other))
    return service, task


def rows_of(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.splitlines()]


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("of=app", ["zero", "one", "two", "three"]),
        ("of=app.2", ["one", "two"]),
        ("of=app.1,app.2", ["zero", "one", "two", "three"]),
        ("of=app&tail=2", ["two", "three"]),
        ("of=app&tail=0", []),
        (f"of=app&until={TIMES[2]}", ["zero", "one", "two"]),
        (f"of=app&until={TIMES[2]}&tail=1", ["two"]),
    ],
)
def test_the_lines_that_are_wanted(query: str, lines: list[str]) -> None:
    async def test(door: Door) -> None:
        await with_two(door)
        told = await door.ask("GET", f"/skerry/logs?{query}")
        assert told.status == 200
        assert [row["line"] for row in rows_of(told.body)] == lines

    check(test, dict(LOGS))


def test_a_line_says_where_it_is_from() -> None:
    async def test(door: Door) -> None:
        _, task = await with_two(door)
        told = await door.ask("GET", "/skerry/logs?of=app.1&tail=1")
        (row,) = rows_of(told.body)
        assert row == {
            "time": TIMES[3],
            "service": "app",
            "task": "app.1",
            "id": task.id,
            "stream": "stderr",
            "line": "three",
        }

    check(test, dict(LOGS))


def test_since_the_deployment() -> None:
    async def test(door: Door) -> None:
        service, _ = await with_two(door)
        revision = door.store.view.revision(service.id, service.revision)
        assert revision is not None
        moved = replace(revision, created_at=instant(TIMES[2]))
        await door.store.update(lambda tx: tx.put(moved))
        told = await door.ask("GET", "/skerry/logs?of=app&since-deploy=1")
        assert [row["line"] for row in rows_of(told.body)] == ["two", "three"]

    check(test, dict(LOGS))


def test_what_is_followed_comes_behind_an_empty_object() -> None:
    async def test(door: Door) -> None:
        await with_two(door)
        reader, writer = await door.connect()
        writer.write(b"GET /skerry/logs?of=app.1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n")
        async with asyncio.timeout(20):
            past = await reader.readuntil(b"{}\n")
            assert b"three" in past
            more = frame(1, f"{TIMES[0]} zero\n") + frame(2, f"{TIMES[3]} three\n")
            door.engine.answers["GET /containers/c1/logs"] = (200, more + frame(1, f"{TIMES[3]} four\n"))
            await reader.readuntil(b'"four"}\n')
        writer.close()

    check(test, dict(LOGS))


def test_nobody_of_that_name() -> None:
    async def test(door: Door) -> None:
        await with_two(door)
        assert (await door.ask("GET", "/skerry/logs?of=app,nobody")).status == 404
        assert (await door.ask("GET", "/skerry/logs?of=app&tail=some")).status == 400

    check(test)
