"""The shells: changes lead to passes, the network follows the view, waiters are told."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from skerry.loops.network import NetworkLoop
from skerry.loops.orchestrator import Orchestrator
from skerry.model.conditions import Conditions
from skerry.model.objects import Attachment, Service, Task
from skerry.model.states import TaskState
from skerry.model.traffic import PortReservations
from skerry.store.store import Store
from tests.core.front import swarm_on_front
from tests.core.world import Swarm, service_spec
from tests.loops.stage import BOUND_S, FakeSwitch, until, with_loop
from tests.support.memory import Clock, memory_store
from tests.support.specs import of_service


async def test_the_rules_come_back_after_a_while_whoever_flushed_them() -> None:
    async def body(switch: FakeSwitch) -> None:
        await until(lambda: len(switch.applied) == 3)
        assert switch.restored >= 2
        assert switch.applied[0] == switch.applied[2]

    store, switch = memory_store(swarm_on_front().view), FakeSwitch()
    await with_loop(NetworkLoop(store, switch, resync_s=0.01).run, body(switch))


async def test_an_unhealthy_task_leaves_by_the_call_alone() -> None:
    async def body(store: Store, loop: NetworkLoop, switch: FakeSwitch) -> None:
        await until(lambda: bool(switch.applied))
        task = store.view.tasks_of("s")[0]
        await asyncio.wait_for(loop.withdrawn(task.id), BOUND_S)
        assert task.live
        assert switch.applied[-1].services[0].backends == ()

    store, switch = memory_store(swarm_on_front().view), FakeSwitch()
    loop = NetworkLoop(store, switch)
    await with_loop(loop.run, body(store, loop, switch))


async def test_who_comes_for_a_task_waits_as_long_as_that_is_wanted() -> None:
    async def body(store: Store, loop: NetworkLoop, switch: FakeSwitch) -> None:
        await until(lambda: bool(switch.applied))
        before, (task,) = switch.applied[-1], store.view.tasks_of("s")
        assert (before.services[0].hearing, len(before.ports[0].backends)) != ((), 0)
        switch.lasts_s, switch.failures = 0.02, 1
        async with loop.waiting([task.id, "of a plain container"]):
            for table in switch.applied[1:]:
                assert (table.services[0].hearing, table.ports[0].backends) == ((), ())
            assert switch.applied[-1].names == before.names
        await until(lambda: switch.applied[-1] == before)

    store, switch = memory_store(swarm_on_front().view), FakeSwitch()
    loop = NetworkLoop(store, switch)
    await with_loop(loop.run, body(store, loop, switch))


def desired(store: Store) -> list[TaskState]:
    """What is wanted of each task."""
    return [task.desired for task in store.view.tasks_of("s")]


async def test_a_new_service_gets_its_tasks_and_a_delay_wakes_the_loop() -> None:
    async def body(store: Store, clock: Clock) -> None:
        await until(lambda: len(store.view.tasks) == 1)
        (task,) = store.view.tasks.values()
        failed = replace(task.status, state=TaskState.FAILED, at=clock.now)
        await store.update(lambda tx: tx.put(replace(task, status=failed)))
        await until(lambda: desired(store) == [TaskState.SHUTDOWN, TaskState.READY])
        clock.now += 5_000_000_000
        await store.update(lambda tx: tx.put(tx.view.services["s"]))  # any change lets it look at the clock
        await until(lambda: desired(store) == [TaskState.SHUTDOWN, TaskState.RUNNING])

    clock = Clock()
    store = memory_store(Swarm(service_spec(replicas=1)).view, clock)
    await with_loop(Orchestrator(store, clock, Conditions()).run, body(store, clock))


async def test_a_place_that_gets_free_is_taken_at_once() -> None:
    async def body(store: Store, swarm: Swarm) -> None:
        waiting = {"Resources": {"Reservations": {"NanoCPUs": 1_000_000_000}}}
        other = Service(
            "other", "other", of_service({**service_spec(replicas=1, template=waiting), "Name": "other"})
        )
        await store.update(lambda tx: tx.put(other))
        await until(lambda: "insufficient resources" in str(store.view.tasks_of("other")))
        (task,) = store.view.tasks_of("s")
        gone = replace(task, desired=TaskState.REMOVE, status=replace(task.status, state=TaskState.SHUTDOWN))
        await store.update(lambda tx: tx.delete(tx.view.services["s"]))
        await store.update(lambda tx: tx.put(gone))
        await until(lambda: store.view.tasks_of("other")[0].placed)

    resources = {"Resources": {"NanoCPUs": 1_000_000_000, "MemoryBytes": 1 << 30}}
    spec = service_spec(replicas=1, template={"Resources": {"Reservations": {"NanoCPUs": 1_000_000_000}}})
    swarm = Swarm(spec, description=resources)
    store = memory_store(swarm.view)
    await with_loop(Orchestrator(store, Clock(), Conditions(), resync_s=1e9).run, body(store, swarm))


async def test_a_withdrawn_task_is_acknowledged_after_the_apply() -> None:
    async def body(store: Store, loop: NetworkLoop, switch: FakeSwitch) -> None:
        await until(lambda: bool(switch.applied))
        task = store.view.tasks_of("s")[0]
        waiting = asyncio.ensure_future(loop.withdrawn(task.id))
        switch.failures = 1
        await asyncio.sleep(0)
        assert not waiting.done()
        await store.update(lambda tx: tx.put(replace(task, desired=TaskState.SHUTDOWN)))
        await asyncio.wait_for(waiting, BOUND_S)
        assert switch.applied[-1].services[0].backends == ()

    store, switch = memory_store(swarm_on_front().view), FakeSwitch()
    loop = NetworkLoop(store, switch)
    await with_loop(loop.run, body(store, loop, switch))


async def test_a_task_that_is_just_being_put_into_the_table_is_not_out_of_it() -> None:
    async def body(store: Store, loop: NetworkLoop, switch: FakeSwitch) -> None:
        await until(lambda: len(switch.applied) == 1)
        (task,) = store.view.tasks_of("s")
        switch.lasts_s = 0.05
        await store.update(lambda tx: tx.put(running(task)))
        await until(lambda: switch.begun == 2)
        await store.update(lambda tx: tx.put(replace(running(task), desired=TaskState.SHUTDOWN)))
        await asyncio.wait_for(loop.withdrawn(task.id), BOUND_S)
        assert [len(table.services[0].backends) for table in switch.applied] == [0, 1, 0]

    def running(task: Task) -> Task:
        return replace(task, status=replace(task.status, state=TaskState.RUNNING))

    swarm = swarm_on_front()
    (task,) = swarm.tasks
    swarm.put(replace(task, status=replace(task.status, state=TaskState.STARTING)))
    store, switch = memory_store(swarm.view), FakeSwitch()
    loop = NetworkLoop(store, switch)
    await with_loop(loop.run, body(store, loop, switch))


async def test_reservations_reach_the_node_row() -> None:
    async def body(store: Store, switch: FakeSwitch) -> None:
        await until(lambda: store.view.nodes["n"].reserved == ("tcp/80",))
        await until(lambda: bool(switch.applied))
        switch.callback(PortReservations(frozenset(), {"tcp/80": "address already in use"}))
        await until(lambda: store.view.nodes["n"].ports_err == {"tcp/80": "address already in use"})

    swarm = swarm_on_front()
    swarm.put(replace(swarm.view.nodes["n"], reserved=()))
    store, switch = memory_store(swarm.view), FakeSwitch()
    await with_loop(NetworkLoop(store, switch).run, body(store, switch))


async def test_an_address_that_changed_is_applied() -> None:
    async def body(store: Store, switch: FakeSwitch) -> None:
        await until(lambda: len(switch.applied) == 1)
        task: Task = store.view.tasks_of("s")[0]
        moved = replace(task, attachments=(Attachment("net", "10.0.1.9"),))
        await store.update(lambda tx: tx.put(moved))
        await until(lambda: switch.applied[-1].ports[0].backends[0].address == "10.0.1.9")

    store, switch = memory_store(swarm_on_front().view), FakeSwitch()
    await with_loop(NetworkLoop(store, switch).run, body(store, switch))
