"""Logs of services and tasks over the front door."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from skerry.control import services
from tests.api.door import Door, check, running, swarmed


def frame(stream: int, text: str) -> bytes:
    """A frame of the engine's log."""
    return bytes((stream, 0, 0, 0)) + len(text).to_bytes(4, "big") + text.encode()


@pytest.mark.case("F11")
def test_logs_of_a_service() -> None:
    body = frame(1, "2026-01-01T00:00:00Z one\n") + frame(2, "2026-01-01T00:00:01Z two\n")
    told_by_the_driver = frame(1, "2026-01-01T00:00:00Z a=x+y,tag=t one\n") + frame(
        2, "2026-01-01T00:00:01Z  two\n"
    )

    async def test(door: Door) -> None:
        await swarmed(door)
        service, task = await running(door)
        door.engine.answers["GET /containers/c1/logs"] = told_by_the_driver
        told = await door.ask("GET", "/services/app/logs?stdout=1&stderr=1&details=1&timestamps=1&tail=5")
        details = (
            f"com.docker.swarm.node.id=node,com.docker.swarm.service.id={service.id},"
            f"com.docker.swarm.task.id={task.id}"
        )
        assert told.body == frame(1, f"2026-01-01T00:00:00Z a=x+y,{details},tag=t one\n") + frame(
            2, f"2026-01-01T00:00:01Z {details} two\n"
        )
        assert "tail=5" in door.engine.heads[-1]
        assert "details=1" in door.engine.heads[-1]
        door.engine.answers["GET /containers/c1/logs"] = body
        told = await door.ask("GET", f"/tasks/{task.id}/logs?stdout=1")
        assert told.body == frame(1, "one\n") + frame(2, "two\n")

    check(test, {"GET /containers/c1/logs": (200, body), "GET /containers/c1/json": {"Id": "c1"}})


@pytest.mark.case("F15")
@pytest.mark.parametrize(
    ("since", "text"),
    [("abc", "abc"), ("5.x", "x"), ("1h", "1h"), ("2026-11-11T00:00:00Z", "2026-11-11T00:00:00Z")],
)
def test_a_since_that_is_no_timestamp(since: str, text: str) -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await running(door)
        told = await door.ask("GET", f"/services/app/logs?stdout=1&since={since}")
        words = f'could not parse since timestamp: strconv.ParseInt: parsing "{text}": invalid syntax'
        assert (told.status, told.json["message"]) == (500, words)  # as Docker blames itself

    check(test)


def test_what_is_past_comes_in_the_order_of_time() -> None:
    times = [f"2026-01-01T00:00:0{second}.000000000Z" for second in range(4)]

    async def test(door: Door) -> None:
        await swarmed(door)
        _, task = await running(door)
        other = replace(task, id="other", status=replace(task.status, container_id="c2"))
        await door.store.update(lambda tx: tx.put(other))
        told = await door.ask("GET", "/services/app/logs?stdout=1")
        assert b"".join(piece[-1:] for piece in told.body.split(b"\n") if piece) == b"0123"

    check(
        test,
        {
            "GET /containers/c1/logs": (200, frame(1, f"{times[0]} 0\n") + frame(1, f"{times[3]} 3\n")),
            "GET /containers/c2/logs": (200, frame(1, f"{times[1]} 1\n") + frame(1, f"{times[2]} 2\n")),
        },
    )


def test_a_terminals_lines_come_in_the_order_of_time_too() -> None:
    times = [f"2026-01-01T00:00:0{second}.000000000Z" for second in range(4)]

    async def test(door: Door) -> None:
        await swarmed(door)
        service, task = await running(door, container={"TTY": True})
        other = replace(task, id="other", status=replace(task.status, container_id="c2"))
        await door.store.update(lambda tx: tx.put(other))
        told = await door.ask("GET", "/services/app/logs?stdout=1")
        assert told.body == b"0\r\n1\r\n2\r\n3, unfinished"
        for name, first in (("c1", 0), ("c2", 1)):
            lines = f"{times[first]}  {first}\r\n".encode()
            door.engine.answers[f"GET /containers/{name}/logs"] = lines
        told = await door.ask("GET", "/services/app/logs?stdout=1&timestamps=1&details=1")
        details = f"com.docker.swarm.node.id=node,com.docker.swarm.service.id={service.id}"
        assert told.body.startswith(
            f"{times[0]} {details},com.docker.swarm.task.id={task.id} 0\r\n"
            f"{times[1]} {details},com.docker.swarm.task.id=other 1\r\n".encode()
        )

    check(
        test,
        {
            "GET /containers/c1/logs": (200, f"{times[0]} 0\r\n{times[3]} 3, unfinished".encode()),
            "GET /containers/c2/logs": (200, f"{times[1]} 1\r\n{times[2]} 2\r\n".encode()),
        },
    )


def test_followed_logs_take_up_later_tasks() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        _, task = await running(door)
        reader, writer = await door.connect()
        writer.write(b"GET /services/app/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n")
        await reader.readuntil(b"first\n")
        later = replace(task, id="later", status=replace(task.status, container_id="c2"))
        await door.store.update(lambda tx: tx.put(later))
        await reader.readuntil(b"second\n")
        await services.remove(door.store, "app")
        async with asyncio.timeout(15):
            await reader.readuntil(b"0\r\n\r\n")
        writer.close()

    check(
        test,
        {
            "GET /containers/c1/logs": (200, frame(1, "2026-01-01T00:00:00.000000001Z first\n")),
            "GET /containers/c2/logs": (200, frame(1, "2026-01-01T00:00:00.000000002Z second\n")),
        },
    )
