"""What the orchestrator finds in its store when it starts, and what it makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from skerry.loops.orchestrator import Orchestrator
from skerry.model.conditions import Conditions
from skerry.model.defaults import SECOND
from skerry.model.objects import UpdateStatus
from skerry.model.states import TaskState
from skerry.store.store import Store
from tests.core.world import FAILED, READY, REMOVE, RUNNING, SHUTDOWN, Swarm, service_spec
from tests.support.memory import Clock, memory_store


def booted(swarm: Swarm, true: Callable[[Store], bool], later: int = 0) -> Store:
    """The store of an orchestrator that started on what the swarm had, once something is true of it."""
    clock = Clock(swarm.now + later)
    store = memory_store(swarm.view, clock)

    async def main() -> None:
        running = asyncio.create_task(Orchestrator(store, clock, Conditions()).run())
        try:
            async with asyncio.timeout(15):
                while not true(store):
                    await asyncio.sleep(0.002)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())
    return store


def desired(store: Store) -> list[TaskState]:
    return [task.desired for task in store.view.tasks_of("s")]


def test_tasks_whose_service_is_gone_are_told_to_go() -> None:
    swarm = Swarm()
    swarm.agent()
    swarm.delete(swarm.service)
    booted(swarm, lambda store: desired(store) == [REMOVE, REMOVE])


def test_missing_slots_are_filled() -> None:
    swarm = Swarm()
    swarm.agent()
    swarm.delete(swarm.tasks[0])
    store = booted(swarm, lambda store: len(store.view.tasks) == 2)
    assert sorted(task.slot for task in store.view.tasks.values()) == [1, 2]


def test_a_restarts_delay_goes_on_where_it_was() -> None:
    swarm = Swarm(service_spec(replicas=1))
    swarm.agent()
    swarm.observe(swarm.tasks[0], FAILED)
    swarm.settle()
    early = booted(swarm, lambda store: "s" in store.view.decisions, 4 * SECOND)
    assert desired(early) == [SHUTDOWN, READY]
    booted(swarm, lambda store: desired(store) == [SHUTDOWN, RUNNING], 5 * SECOND)


def updating(state: str) -> Swarm:
    """One slot of two is to be replaced, and an update is in this state."""
    swarm = Swarm()
    swarm.agent()
    swarm.update(service_spec(template={"ContainerSpec": {"Image": "app:2"}}))
    if state != "updating":
        swarm.put(replace(swarm.service, update=UpdateStatus(state, "as it was", swarm.now, total=2)))
    return swarm


def test_an_update_goes_on_unless_it_is_paused() -> None:
    store = booted(updating("updating"), lambda store: len(store.view.tasks) == 3)
    update = store.view.services["s"].update
    assert update is not None
    assert update.state == "updating"
    for state in ("paused", "rollback_paused"):
        store = booted(updating(state), lambda store: "s" in store.view.decisions)
        assert len(store.view.tasks) == 2
        assert store.view.decisions["s"].notes[-1].text == "as it was"
