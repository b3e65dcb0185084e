"""A loop that fails is started again and says so meanwhile; only a broken invariant ends everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from skerry.core.plan import Plan
from skerry.core.reconcile import reconcile
from skerry.core.view import View
from skerry.engine.port import EngineError, EngineUnreachable
from skerry.loops.network import NetworkLoop
from skerry.loops.orchestrator import Orchestrator
from skerry.loops.supervision import Loop, run_all
from skerry.model.conditions import Conditions
from skerry.model.errors import InvariantBroken, NetworkError
from skerry.model.objects import Raw, Service
from skerry.model.states import TaskState
from skerry.store.errors import StateError
from skerry.store.store import Store
from tests.agent.stage import stage
from tests.core.front import swarm_on_front
from tests.core.world import Swarm, service_spec
from tests.engine.fake import FakeEngine
from tests.loops.stage import FakeSwitch, until
from tests.sim.loop import VirtualLoop
from tests.support.memory import Clock, Memory, memory_store
from tests.support.specs import of_service

FAILURES = [
    StateError("the state in /x can't be written: database or disk is full"),
    EngineUnreachable("nobody answers"),
    EngineError(500, "driver failed"),
    NetworkError("nft said no"),
    OSError(28, "No space left on device"),
    TimeoutError(),
    KeyError("Actor"),
    ExceptionGroup("unhandled errors in a TaskGroup", [OSError(5, "Input/output error")]),
    asyncio.CancelledError(),
    None,
]


def play(work: Coroutine[Any, Any, None]) -> None:
    """Run on virtual time."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


class Frail:
    """A loop that fails at its first starts."""

    def __init__(self, failure: BaseException | None, times: int, after_s: float = 0.0) -> None:
        self.starts: list[float] = []
        self._failure = failure
        self._times = times
        self._after_s = after_s

    async def run(self) -> None:
        """Fail, or go on for ever."""
        self.starts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self._after_s)
        if len(self.starts) > self._times:
            await asyncio.sleep(1e9)
        if self._failure is not None:
            raise self._failure


async def guarded(loops: dict[str, Loop], conditions: Conditions, seconds: float) -> None:
    """Run loops for so long."""
    running = asyncio.create_task(run_all(loops, conditions))
    await asyncio.sleep(seconds)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.case("C2")
@pytest.mark.parametrize("failure", FAILURES, ids=repr)
def test_a_loop_that_fails_is_started_again_and_says_so(failure: BaseException | None) -> None:
    frail, well, conditions = Frail(failure, times=4), Frail(None, times=0), Conditions()
    seen = []

    async def look() -> None:
        while True:
            seen.append(conditions.texts)
            await asyncio.sleep(0.25)

    async def work() -> None:
        watching = asyncio.create_task(look())
        await guarded({"frail": frail.run, "well": well.run}, conditions, 60)
        watching.cancel()

    play(work())
    assert [round(at, 3) for at in frail.starts] == [0, 0.5, 1.5, 3.5, 7.5]
    assert well.starts == [0]
    assert seen[1][0].startswith("frail loop: ")
    assert seen[1][0].endswith("; trying again in 0.5 s")
    assert conditions.texts == []


def test_pauses_grow_to_half_a_minute_and_begin_again_after_it_has_run_well() -> None:
    def gaps(after_s: float) -> list[float]:
        frail = Frail(OSError("no"), times=1000, after_s=after_s)
        play(guarded({"frail": frail.run}, Conditions(), 300))
        return [
            round(later - at - after_s, 3) for at, later in zip(frail.starts, frail.starts[1:], strict=False)
        ]

    assert gaps(0)[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert gaps(61)[:3] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    "failure",
    [
        AssertionError("a state fell"),
        InvariantBroken("two swarms"),
        ExceptionGroup("group", [OSError(), ExceptionGroup("inner", [AssertionError("a state fell")])]),
    ],
    ids=repr,
)
def test_a_broken_invariant_ends_everything(failure: Exception) -> None:
    well = Frail(None, times=0)

    async def inner() -> None:
        await run_all({"frail": Frail(failure, times=1).run}, Conditions())

    async def work() -> None:
        with pytest.raises(InvariantBroken) as error:
            await run_all({"inner": inner, "well": well.run}, Conditions())
        assert "the inner loop" in str(error.value)

    play(work())
    assert well.starts == [0]


@pytest.mark.case("C2")
def test_one_service_whose_pass_fails_does_not_stop_the_others() -> None:
    def decide(view: View, service_id: str, now: int) -> Plan:
        if service_id == "bad" and faults:
            faults.pop()
            raise KeyError("a field that is not there")
        return reconcile(view, service_id, now)

    async def work() -> None:
        store = memory_store(Swarm(service_spec(replicas=2)).view)
        conditions = Conditions()
        await store.update(
            lambda tx: tx.put(Service("bad", "bad", of_service(service_spec(Name="bad", replicas=3))))
        )
        running = asyncio.create_task(Orchestrator(store, Clock(), conditions, decide).run())
        await asyncio.sleep(0.1)
        good = next(key for key in store.view.services if key != "bad")
        assert len(store.view.tasks_of(good)) == 2
        assert not store.view.tasks_of("bad")
        assert conditions.texts == [
            "service bad: its next step could not be decided: KeyError('a field that is not there'); "
            "trying again in 0.5 s"
        ]
        await asyncio.sleep(5)
        assert len(store.view.tasks_of("bad")) == 3
        assert conditions.texts == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    faults = [1, 2, 3]
    play(work())


class FullDisk(Memory):
    """Takes nothing while it is full."""

    def __init__(self, view: View) -> None:
        super().__init__(view)
        self.full = False

    def write(self, index: int, changes: tuple[Any, ...]) -> None:
        """Refuse, or remember."""
        if self.full:
            raise StateError("the state in /x can't be written: database or disk is full")
        super().write(index, changes)


@pytest.mark.case("C2")
def test_the_orchestrator_comes_back_when_the_disk_does() -> None:
    async def work() -> None:
        disk = FullDisk(Swarm(service_spec(replicas=2)).view)
        ids = iter(range(100))
        store = Store(disk, Clock(), lambda: f"id{next(ids)}")
        orchestrator = Orchestrator(store, Clock(), conditions := Conditions())
        disk.full = True
        running = asyncio.create_task(run_all({"orchestrator": orchestrator.run}, conditions))
        await asyncio.sleep(20)
        assert not store.view.tasks
        assert "orchestrator loop: the state in /x can't be written" in conditions.texts[0]
        disk.full = False
        await asyncio.sleep(31)
        assert len(store.view.tasks) == 2
        assert conditions.texts == []
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(work())


@pytest.mark.case("C2")
def test_traffic_follows_though_the_disk_takes_nothing() -> None:
    """The network is applied, and whoever waits for it goes on; what it reserved is noted when that is
    possible."""

    async def work() -> None:
        view = swarm_on_front().view
        assert view.node is not None
        disk = FullDisk(view.put(replace(view.node, reserved=())))
        store, switch = Store(disk, Clock(), lambda: "id"), FakeSwitch()
        loop = NetworkLoop(store, switch)
        disk.full = True
        conditions = Conditions()
        running = asyncio.create_task(run_all({"network": loop.run}, conditions))
        await until(lambda: len(switch.applied) == 1)
        task = next(iter(store.view.tasks))
        async with asyncio.timeout(5):
            await loop.withdrawn(task)
        assert conditions.texts == []
        assert store.view.node == disk.view.node
        disk.full = False
        await asyncio.sleep(5)
        assert store.view.node is not None
        assert store.view.node.reserved == ("tcp/80",)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    play(work())


async def test_an_agent_that_broke_off_takes_its_tasks_up_again() -> None:
    """The same agent, begun again in the middle: what it held of the former run is gone."""

    class Deaf(FakeEngine):
        """Its events break off in a way that nobody expects."""

        @asynccontextmanager
        async def events(self, **filters: list[str]) -> AsyncIterator[AsyncIterator[Raw]]:
            async with super().events(**filters) as events:
                yield self._heard(events)

        async def _heard(self, events: AsyncIterator[Raw]) -> AsyncIterator[Raw]:
            async for event in events:
                if breaks:
                    raise breaks.pop()
                yield event

    breaks = [KeyError("Actor")]
    async with stage(Deaf(), running=False) as here:
        conditions = Conditions()
        running = asyncio.create_task(run_all({"agent": here.agent.run}, conditions))
        await here.task()
        await here.until_state(TaskState.RUNNING)
        fake = here.engine
        assert isinstance(fake, FakeEngine)
        fake.end("web.1.t1", 3)
        await here.until(lambda: bool(conditions.texts))
        assert conditions.texts == ["agent loop: KeyError('Actor'); trying again in 0.5 s"]
        await here.until_state(TaskState.FAILED)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
