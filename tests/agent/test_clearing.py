"""Addresses that the engine has not given back yet."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from skerry.agent.clearing import Clearing
from skerry.engine.port import ExecResult
from skerry.model.defaults import MILLISECOND, SECOND
from skerry.model.objects import Attachment, Task
from skerry.model.states import TaskState
from tests.agent.stage import NETWORK, new_task, stage
from tests.engine.fake import FakeEngine


def task(key: str, address: str) -> Task:
    return replace(
        new_task(key, TaskState.RUNNING, {}), attachments=(Attachment("n", address, reserved=address),)
    )


async def test_a_successor_waits_for_the_address_and_for_no_other() -> None:
    clearing = Clearing()
    heir = asyncio.create_task(clearing.done(task("t2", "10.0.0.3")))
    await heir
    with clearing.of(task("t1", "10.0.0.3")), clearing.of(task("t0", "10.0.0.4")):
        await clearing.done(task("t3", "10.0.0.5"))
        heir = asyncio.create_task(clearing.done(task("t2", "10.0.0.3")))
        with clearing.of(task("t9", "10.0.0.6")):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not heir.done()
    await asyncio.wait_for(heir, 10)


def hang_after_the_end(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The engine tells of a container's end, and hangs while it clears up after it, until the event."""
    done = asyncio.Event()

    async def stop(container: str, grace_s: int) -> None:
        fake.end(container, 137)
        await done.wait()

    monkeypatch.setattr(fake, "stop_container", stop)
    return done


async def test_the_end_of_an_unhealthy_task_is_told_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        codes = [0]
        fake.on_exec = lambda box, command: ExecResult(codes[-1], "")
        check = {"Test": ["CMD", "check"], "Interval": 10 * MILLISECOND, "Timeout": SECOND, "Retries": 1}
        await here.task(Healthcheck=check)
        await here.until_state(TaskState.RUNNING)
        done = hang_after_the_end(fake, monkeypatch)
        codes.append(1)
        status = await here.until_state(TaskState.FAILED)
        assert status.err == "task: non-zero exit (137): dockerexec: unhealthy container"
        done.set()


async def test_who_waits_for_an_address_may_be_stopped_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage() as here:
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        await here.task()
        await here.until_state(TaskState.RUNNING)
        done = hang_after_the_end(fake, monkeypatch)
        await here.want("t1", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN)
        (place,) = here.row().attachments
        heir = new_task("t2", TaskState.RUNNING, {}, 2)
        await here.put(replace(heir, attachments=(Attachment(NETWORK.id, reserved=place.address),)))
        await here.until(lambda: any(call.startswith("create web.2") for call in here.calls))
        await here.want("t2", TaskState.SHUTDOWN)
        await here.until_state(TaskState.SHUTDOWN, "t2")
        assert not any(call.startswith("start web.2") for call in here.calls)
        done.set()
