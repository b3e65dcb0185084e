"""Health: the schedule as a value, and what it makes of tasks."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.engine.port import EngineError, ExecResult
from skerry.health.check import (
    Check,
    ProbeResult,
    TaskHealth,
    check_of,
    gap,
    recorded,
)
from skerry.model.defaults import MILLISECOND, SECOND
from skerry.model.objects import Raw, Task
from skerry.model.specs import Healthcheck
from skerry.model.states import TaskState
from skerry.model.times import instant, timestamp
from tests.agent.stage import stage
from tests.engine.fake import Box, FakeEngine

NAME = "web.1.t1"
CHECK = Check(("true",), interval=30 * SECOND, timeout=30 * SECOND, retries=3)


def result(code: int) -> ProbeResult:
    return ProbeResult(0, 1, code, "")


@pytest.mark.parametrize(
    ("wanted", "image", "command"),
    [
        (None, {}, None),
        (None, {"Healthcheck": {"Test": ["NONE"]}}, None),
        (None, {"Healthcheck": {"Test": ["CMD", "a", "b"]}}, ("a", "b")),
        (None, {"Healthcheck": {"Test": ["CMD-SHELL", "a b"]}}, ("/bin/sh", "-c", "a b")),
        (None, {"Healthcheck": {"Test": ["CMD-SHELL", "a"]}, "Shell": ["bash", "-ec"]}, ("bash", "-ec", "a")),
        (["NONE"], {"Healthcheck": {"Test": ["CMD", "a"]}}, None),
        (["CMD", "x"], {"Healthcheck": {"Test": ["CMD", "a"]}}, ("x",)),
        ([], {"Healthcheck": {"Test": ["CMD", "a"]}}, ("a",)),
        (["strange"], {}, None),
    ],
)
def test_the_command_is_the_services_or_the_images(
    wanted: list[str] | None, image: dict[str, Any], command: tuple[str, ...] | None
) -> None:
    check = check_of(Healthcheck(test=wanted or []), image)
    assert (check.command if check else None) == command


def test_what_a_service_leaves_open_is_the_images_and_then_dockers() -> None:
    image = {"Healthcheck": {"Test": ["CMD", "a"], "Interval": 7, "Retries": 5, "StartPeriod": 9}}
    assert check_of(Healthcheck(), image) == Check(("a",), 7, 30 * SECOND, 5, 9)
    assert check_of(Healthcheck(interval=1, timeout=2), image) == Check(("a",), 1, 2, 5, 9)
    assert check_of(Healthcheck(), {"Healthcheck": {"Test": ["CMD", "a"]}}) == CHECK.__class__(("a",))


def test_the_first_success_makes_healthy_and_an_early_failure_nothing() -> None:
    state = TaskHealth()
    for age in (0, SECOND, 89 * SECOND):
        state = recorded(state, CHECK, result(1), age)
        assert state.status == "starting"
    assert state.streak == 3
    assert recorded(state, CHECK, result(0), 89 * SECOND).status == "healthy"
    assert recorded(state, CHECK, result(1), 90 * SECOND).status == "unhealthy"


def test_patience_includes_the_start_period() -> None:
    check = Check(("true",), interval=SECOND, retries=2, start_period=10 * SECOND)
    assert recorded(TaskHealth(), check, result(1), 11 * SECOND).status == "starting"
    assert recorded(TaskHealth(), check, result(1), 12 * SECOND).status == "unhealthy"


def test_a_healthy_task_fails_after_so_many_failures_in_a_row() -> None:
    state = recorded(TaskHealth(), CHECK, result(0), SECOND)
    for code, status in ((1, "healthy"), (1, "healthy"), (0, "healthy"), (1, "healthy"), (1, "healthy")):
        state = recorded(state, CHECK, result(code), 1000 * SECOND)
        assert state.status == status
    assert recorded(state, CHECK, result(1), 1000 * SECOND).status == "unhealthy"
    assert len(state.log) == 5


@given(st.integers(0, 200 * SECOND), st.integers(MILLISECOND, 60 * SECOND), st.integers(1, 5))
def test_readiness_is_never_noticed_much_too_late(age: int, interval: int, retries: int) -> None:
    check = Check(("true",), interval=interval, retries=retries)
    wait = gap(TaskHealth(), check, age)
    assert 0 < wait <= max(min(interval, 250 * MILLISECOND), min(interval, age // 8))
    if age < check.patience:
        assert age + wait <= check.patience


@given(st.integers(0, 2**62))
def test_times_are_written_as_docker_does_and_read_back(at: int) -> None:
    assert instant(timestamp(at)) == at


def test_a_time_that_is_none_is_zero() -> None:
    assert instant("") == 0
    assert instant("2024-01-01T00:00:00.5Z") == 1704067200_500000000


def test_the_state_is_shown_as_docker_shows_it() -> None:
    state = recorded(TaskHealth(), CHECK, ProbeResult(SECOND, 2 * SECOND, 7, "no\n"), SECOND)
    assert state.docker() == {
        "Status": "starting",
        "FailingStreak": 1,
        "Log": [
            {
                "Start": "1970-01-01T00:00:01Z",
                "End": "1970-01-01T00:00:02Z",
                "ExitCode": 7,
                "Output": "no\n",
            }
        ],
    }


# On the fake engine.

QUICK = {"Test": ["CMD", "check"], "Interval": 20 * MILLISECOND, "Timeout": SECOND, "Retries": 3}


class App:
    """What the check inside answers."""

    def __init__(self, code: int) -> None:
        self.code = code

    def __call__(self, box: Box, command: list[str]) -> ExecResult:
        assert command == ["check"]
        return ExecResult(self.code, f"answer {self.code}")


async def test_a_task_runs_only_when_its_check_passes() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.on_exec = app = App(1)
        heard: list[tuple[str, str]] = []

        def hear(task: Task, status: str) -> None:
            heard.append((task.id, status))

        here.agent.on_health(hear)
        await here.task(Healthcheck={**QUICK, "Interval": 10 * SECOND})
        await here.until(lambda: f"exec {NAME}" in here.calls)
        assert here.row().status.state == TaskState.STARTING
        assert here.row().attachments[0].address
        state = here.agent.health("t1")
        assert state is not None
        assert state.status == "starting"
        app.code = 0
        await here.until_state(TaskState.RUNNING)
        state = here.agent.health("t1")
        assert state is not None
        assert (state.status, heard) == ("healthy", [("t1", "healthy")])
        assert state.log[-1].output == "answer 0"


async def test_a_task_that_never_gets_healthy_fails() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.on_exec = App(1)
        await here.task(Healthcheck=QUICK)
        status = await here.until_state(TaskState.FAILED)
        assert status.err == "task: non-zero exit (137): dockerexec: unhealthy container"
        assert status.message == "starting"
        assert not any(call.startswith(("withdraw", "drain")) for call in here.calls)


async def test_a_clock_that_was_set_back_takes_no_patience_away() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.clock = lambda: time.time_ns() - 3600 * SECOND  # skerry's own clock does not step
        fake.on_exec = App(1)
        await here.task(Healthcheck={**QUICK, "Interval": 5 * SECOND})
        await here.until(lambda: sum(call.startswith("exec") for call in here.calls) >= 2)
        assert here.row().status.state == TaskState.STARTING


async def test_a_running_task_that_gets_unhealthy_leaves_the_table_and_fails() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.on_exec = app = App(0)
        await here.task(Healthcheck=QUICK)
        await here.until_state(TaskState.RUNNING)
        app.code = 1
        status = await here.until_state(TaskState.FAILED)
        assert status.err == "task: non-zero exit (137): dockerexec: unhealthy container"
        assert here.calls.index("withdrawn t1") < here.calls.index(f"stop {NAME} 10")
        assert here.agent.health("t1") is not None


async def test_the_images_own_check_counts() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.images["box:1"]["Config"]["Healthcheck"] = QUICK
        fake.on_exec = App(0)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        assert f"exec {NAME}" in here.calls
        assert fake.boxes[NAME].body["Healthcheck"] == {"Test": ["NONE"]}


async def test_a_probe_that_hangs_counts_as_failed_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("skerry.health.prober.SLOT_S", 0.05)

    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        hanging = {"Test": ["CMD", "sleep", "60"], "Interval": 20 * MILLISECOND, "Retries": 3}
        for number in range(8):
            check = {**hanging, "Timeout": 20 * SECOND}
            await here.task(f"h{number}", Healthcheck=check)
        await here.task("short", Healthcheck={**hanging, "Timeout": 30 * MILLISECOND})
        await here.task("good", Healthcheck={"Test": ["CMD", "true"]})
        await here.until_state(TaskState.RUNNING, "good")
        await here.until_state(TaskState.FAILED, "short")
        state = here.agent.health("short")
        assert state is not None
        assert state.log[-1].exit_code == -1
        assert state.log[-1].output.startswith("Health check exceeded timeout (0.03s)")


async def test_a_probe_that_cannot_run_is_no_verdict_when_the_container_is_paused() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        paused = True

        def answer(box: Box, command: list[str]) -> ExecResult:
            if paused:
                raise EngineError(409, f"Container {box.id} is paused, unpause the container before exec")
            return ExecResult(0, "")

        fake.on_exec = answer
        await here.task(Healthcheck={**QUICK, "Retries": 1})
        await here.until(lambda: here.calls.count(f"exec {NAME}") > 4)
        assert here.row().status.state == TaskState.STARTING
        paused = False
        await here.until_state(TaskState.RUNNING)


async def test_a_command_that_does_not_exist_is_a_failed_probe() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)

        def answer(box: Box, command: list[str]) -> ExecResult:
            raise EngineError(400, "OCI runtime exec failed: not found")

        fake.on_exec = answer
        await here.task(Healthcheck=QUICK)
        await here.until_state(TaskState.FAILED)
        state = here.agent.health("t1")
        assert state is not None
        assert (state.log[-1].exit_code, state.log[-1].output) == (
            -1,
            "OCI runtime exec failed: not found",
        )


async def test_a_task_that_was_running_before_a_crash_is_healthy_and_is_watched_again() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.on_exec = app = App(0)
        await here.task(Healthcheck=QUICK)
        await here.until_state(TaskState.RUNNING)
        await here.crash()
        app.code = 1
        await here.start()
        await here.until(lambda: here.agent.health("t1") is not None)
        state = here.agent.health("t1")
        assert state is not None
        assert state.status == "healthy"
        await here.until_state(TaskState.FAILED)


async def test_health_is_forgotten_with_the_task() -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.on_exec = App(0)
        await here.task(Healthcheck=QUICK)
        await here.until_state(TaskState.RUNNING)
        await here.want("t1", TaskState.REMOVE)
        await here.until(lambda: not here.store.view.tasks)
        assert here.agent.health("t1") is None


class Doors:
    """The test's own namespace stands for the containers'."""

    def __init__(self, tools: str) -> None:
        self.tools = tools
        self.opened = 0

    async def open(self, pid: int, host: str) -> socket.socket:
        self.opened += 1
        made = socket.socket()
        made.setblocking(False)
        return made

    def program(self, pid: int, name: str) -> str:
        return name if name in self.tools else ""


async def answering(text: bytes) -> tuple[asyncio.Server, int]:
    """A server that says the same to everybody."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def curl(port: int) -> Raw:
    return {"Test": ["CMD", "curl", "-f", f"http://127.0.0.1:{port}/"]}


async def test_a_check_that_can_be_a_probe_is_not_executed() -> None:
    server, port = await answering(b"yes")
    async with server, stage(sockets=Doors("curl")) as here:
        await here.task(Healthcheck=curl(port))
        await here.until_state(TaskState.RUNNING)
        assert f"exec {NAME}" not in here.calls
        state = here.agent.health("t1")
        assert state is not None
        assert (state.log[-1].exit_code, state.log[-1].output) == (0, "yes")


async def test_where_a_probe_cannot_tell_the_command_is_executed() -> None:
    async with stage(sockets=Doors("")) as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.on_exec = lambda box, command: ExecResult(0, "")
        await here.task(Healthcheck=curl(1))
        await here.until_state(TaskState.RUNNING)
        assert f"exec {NAME}" in here.calls


async def test_probes_that_hang_hold_up_nobody() -> None:
    good, port = await answering(b"")
    with socket.create_server(("127.0.0.1", 0), backlog=100) as deaf:
        doors = Doors("curl")
        async with good, stage(sockets=doors) as here:
            for number in range(50):
                await here.task(f"h{number}", Healthcheck=curl(deaf.getsockname()[1]))
            await here.until(lambda: doors.opened >= 50)
            await here.task("good", Healthcheck=curl(port))
            await here.until_state(TaskState.RUNNING, "good")
