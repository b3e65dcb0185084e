"""What is written down of a task when it ends, by the agent on the fake engine."""

from __future__ import annotations

from msgspec.structs import replace

from skerry.model.facts import LINES, Facts
from skerry.model.listening import ListeningSocket
from skerry.model.states import TaskState
from tests.agent.stage import Stage, stage
from tests.engine.fake import FakeEngine


def fake_of(here: Stage) -> FakeEngine:
    assert isinstance(here.engine, FakeEngine)
    return here.engine


async def facts_of(here: Stage) -> Facts:
    """Those of the task, once they are there."""
    await here.until(lambda: here.row().facts is not None)
    facts = here.row().facts
    assert facts is not None
    return facts


async def test_the_last_lines_of_a_task_that_failed() -> None:
    async with stage() as here:
        fake_of(here).log_lines = [f"line {number} \x1b[31m" for number in range(50)]
        await here.task(Args=["sh", "-c", "exit 7"])
        await here.until_state(TaskState.FAILED)
        facts = await facts_of(here)
        assert facts.log == tuple(f"line {number} [31m" for number in range(50 - LINES, 50))
        assert facts.started_at
        assert facts.at >= here.row().status.at


async def test_why_an_image_could_not_be_pulled() -> None:
    async with stage() as here:
        await here.task(Image="nowhere/app:1")
        status = await here.until_state(TaskState.REJECTED)
        assert status.err == "No such image: nowhere/app:1"
        assert "nowhere/app:1" in (await facts_of(here)).pull


async def test_what_an_unhealthy_task_answered_and_where_it_listened() -> None:
    async with stage(running=False) as here:
        here.listeners = (ListeningSocket("tcp", "127.0.0.1", 8080),)
        await here.start()
        check = {"Test": ["CMD", "false"], "Interval": 10_000_000, "Retries": 2, "Timeout": 1_000_000_000}
        await here.task(Healthcheck=check)
        await here.until_state(TaskState.FAILED)
        facts = await facts_of(here)
        assert facts.probe is not None
        assert (facts.probe.asked, facts.probe.exit_code) == ("false", 1)
        assert facts.probe.failures >= 1
        assert facts.listeners == here.listeners


async def test_a_task_that_was_stopped_before_it_was_ready() -> None:
    async with stage() as here:
        await here.task(Healthcheck={"Test": ["CMD", "false"], "Interval": 10_000_000_000})
        await here.until(lambda: bool(here.agent.health("t1") and here.agent.health("t1").log))  # type: ignore[union-attr]
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)
        assert (await facts_of(here)).probe is not None


async def test_nothing_is_written_of_a_task_that_ran_and_was_stopped() -> None:
    async with stage() as here:
        await here.task()
        await here.until_state(TaskState.RUNNING)
        live = await here.agent.facts("t1")
        assert live is not None
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)
        assert here.row().facts is None


async def test_what_a_crash_left_unexplained_is_explained_at_the_next_start() -> None:
    async with stage() as here:
        fake_of(here).log_lines = ["boom"]
        await here.task(Args=["sh", "-c", "exit 7"])
        await here.until_state(TaskState.FAILED)
        await facts_of(here)
        await here.crash()
        await here.put(replace(here.row(), facts=None))
        await here.start()
        assert (await facts_of(here)).log == ("boom",)


async def test_its_memory_was_the_reason_though_the_engine_tells_that_after_its_end() -> None:
    async with stage() as here:
        await here.task(Args=["sh", "-c", "exit 137"])
        await here.until_state(TaskState.FAILED)
        assert not (await facts_of(here)).out_of_memory
        fake_of(here).starve(here.row().name)
        await here.until(lambda: here.row().facts is not None and here.row().facts.out_of_memory)  # type: ignore[union-attr]
