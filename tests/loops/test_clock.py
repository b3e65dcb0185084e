"""The machine's clock is set: waits last as long as they should all the same."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from skerry.loops.clock import ClockLoop, SteadyClock, settle
from skerry.model.defaults import SECOND
from skerry.model.objects import Decision, Node, Note, Service, Task, TaskStatus, UpdateStatus
from skerry.model.states import TaskState
from skerry.store.store import Store, Tx
from tests.support.memory import Memory
from tests.support.specs import of_service, of_task

HOUR = 3600 * SECOND
START = 1_000_000 * SECOND


class Machine:
    """A wall clock that can be set, and one that only goes on."""

    def __init__(self) -> None:
        self.wall, self.steady = START, 5 * SECOND
        self.clock = self.another()

    def another(self) -> SteadyClock:
        """The clock of a daemon that starts now."""
        return SteadyClock(lambda: self.wall, lambda: self.steady)

    def pass_by(self, ns: int) -> None:
        self.wall += ns
        self.steady += ns


def fill(tx: Tx) -> None:
    status = UpdateStatus("updating", "update in progress", START)
    tx.put(Service("s", "app", of_service({"Name": "app"}), update=status))
    running = TaskStatus(TaskState.RUNNING, START + 2 * SECOND, "started")
    task = Task("t", "s", "app", "n", of_task({}), None, 1, TaskState.RUNNING, running)
    tx.put(replace(task, start_after=START + HOUR, update_started_at=START))
    tx.put(Node("n", "vm", {}))
    tx.put(Decision("s", (Note("waiting", START, START + 9 * SECOND, 9 * SECOND),)))


def waits(store: Store) -> tuple[int, ...]:
    """What is recorded, as it stands to the task's making."""
    task, service = store.view.tasks["t"], store.view.services["s"]
    assert service.update is not None
    assert service.update.started_at == task.update_started_at
    note = store.view.decisions["s"].notes[0]
    since = (task.start_after, task.status.at, service.update.started_at, service.created_at, note.until)
    return tuple(at - task.created_at for at in since)


def test_it_is_steady_while_the_machines_clock_is_not() -> None:
    machine = Machine()
    machine.wall -= HOUR
    machine.pass_by(SECOND)
    assert machine.clock() == START + SECOND
    assert machine.clock.step() == -HOUR


async def test_recorded_instants_move_along_in_one_commit() -> None:
    for by in (-HOUR, 24 * HOUR):
        machine, memory = Machine(), Memory()
        store = Store(memory, machine.clock, lambda: "id")
        await store.update(fill)
        before, made = waits(store), store.view.tasks["t"].created_at
        machine.wall += by
        running = asyncio.create_task(ClockLoop(store, machine.clock, 0.001).run())
        async with asyncio.timeout(15), store.watch() as commits:
            await commits.get()
        running.cancel()
        assert machine.clock.step() == 0
        assert waits(store) == before
        assert store.view.tasks["t"].created_at == made + by
        assert store.view.tasks["t"].running_at == 0
        assert len(memory.commits) == 2
        view, later = store.view, machine.another()
        again = Store(Memory(view), later, lambda: "id")
        await settle(again, later)
        assert again.view is view, "a daemon that starts later finds nothing written in the future"


async def test_a_clock_that_is_only_disciplined_moves_nothing_and_is_followed() -> None:
    machine, memory = Machine(), Memory()
    store = Store(memory, machine.clock, lambda: "id")
    await store.update(fill)
    running = asyncio.create_task(ClockLoop(store, machine.clock, 0.001).run())
    for by in (SECOND // 2, -SECOND // 4):
        before = machine.clock()
        machine.wall += by
        async with asyncio.timeout(15):
            while machine.clock.step():
                await asyncio.sleep(0.001)
        assert machine.clock() == max(before, machine.wall), "and never goes back"
    running.cancel()
    assert len(memory.commits) == 1
    machine.pass_by(SECOND)
    assert machine.clock() == machine.wall


async def test_a_clock_that_was_set_back_while_nobody_was_there() -> None:
    machine = Machine()
    store = Store(Memory(), machine.clock, lambda: "id")
    await store.update(fill)
    before = waits(store)
    machine.wall -= HOUR
    later = machine.another()
    again = Store(Memory(store.view), later, lambda: "id")
    await settle(again, later)
    assert waits(again) == before
    assert again.view.tasks["t"].created_at == START - HOUR
    view = again.view
    await settle(again, later)
    assert again.view is view
