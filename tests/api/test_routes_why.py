"""`/skerry/why` over the front door: who is meant by a name, and the shape of the answer."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.model.facts import Facts
from skerry.model.states import TaskState
from tests.api.door import Door, check, running, swarmed


def test_a_service_a_slot_and_a_task_are_explained() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        service, task = await running(door)
        status = replace(task.status, state=TaskState.FAILED, exit_code=3)
        failed = replace(task, status=status, facts=Facts(at=1, log=("boom",)))
        await door.store.update(lambda tx: tx.put(failed))
        for name, kind in (("app", "service"), (service.id, "service"), ("app.1", "task"), (task.id, "task")):
            told = await door.ask("GET", f"/skerry/why/{name}")
            assert told.status == 200, told.body
            answer = told.json
            assert answer["kind"] == kind
            (cause,) = answer["causes"]
            assert cause.keys() == {"kind", "sentence", "evidence", "advice", "log", "of", "past"}
            assert (cause["kind"], cause["of"]) == ("exit", "app.1")
            assert cause["sentence"].endswith("“boom”")

    check(test)


def test_a_name_that_nobody_has() -> None:
    async def test(door: Door) -> None:
        assert (await door.ask("GET", "/skerry/why/app")).status == 503
        await swarmed(door)
        told = await door.ask("GET", "/skerry/why/app")
        words = "no stack, service or task is called app: skerry status shows those that there are"
        assert (told.status, told.json["message"]) == (404, words)

    check(test)


def test_logs_and_events_refuse_what_is_no_instant() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        await running(door)
        for path in ("/skerry/logs?of=app&since=soon", "/skerry/events?since=soon"):
            told = await door.ask("GET", path)
            assert told.status == 400
            assert "since: soon is no instant" in told.json["message"]

    check(test)


def test_the_first_screen_says_what_needs_somebody() -> None:
    async def test(door: Door) -> None:
        await swarmed(door)
        _, task = await running(door)
        screen = (await door.ask("GET", "/skerry/status")).json
        assert (screen["attention"], screen["now"], screen["stacks"]) == ([], [], [])
        assert screen["node"]["availability"] == "active"
        status = replace(task.status, state=TaskState.FAILED, exit_code=3)
        failed = replace(task, status=status, facts=Facts(at=1, log=("boom",)))
        await door.store.update(lambda tx: tx.put(failed))
        (need,) = (await door.ask("GET", "/skerry/status")).json["attention"]
        assert (need["of"], need["command"]) == ("app", "skerry why app")
        assert "exit code 3" in need["sentence"]

    check(test)
