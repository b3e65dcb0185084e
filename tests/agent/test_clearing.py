"""Addresses that the engine has not given back yet."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from skerry.agent.clearing import Clearing
from skerry.model.objects import Attachment, Task
from skerry.model.states import TaskState
from tests.agent.stage import new_task


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
