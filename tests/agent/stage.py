"""A stage for the agent: a store in memory, an engine (the fake by default), a network that takes notes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from skerry.agent.agent import RESYNC_S, Agent
from skerry.engine.port import Engine
from skerry.health.sockets import Sockets
from skerry.model.conditions import Conditions
from skerry.model.drain import DrainOutcome
from skerry.model.listening import Listening, ListeningSocket
from skerry.model.objects import Attachment, Network, Node, Raw, Task, TaskStatus
from skerry.model.states import OWNERS, TaskState
from skerry.store.store import Change, Store, Tx
from tests.engine.fake import FakeEngine
from tests.support.memory import Memory
from tests.support.specs import of_task

NODE = Node("node1", "vm", {}, description={"Platform": {"Architecture": "x86_64", "OS": "linux"}})
NETWORK = Network("net1" + "0" * 21, "front", {"Name": "front"}, "10.0.1.0/24", "10.0.1.1", "10.0.1.254")


class Notes:
    """The network's side: `calls` shares the fake engine's list, so that orders can be compared."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.joinable_now = asyncio.Event()
        self.joinable_now.set()
        self.in_table = asyncio.Event()
        self.in_table.set()
        self.drain_s = 0.0
        self.left_open = False
        self.moved: dict[str, str] = {}
        self.heard = asyncio.Event()
        self.heard.set()
        self.looks: list[tuple[Listening, float | None]] = []
        self.led: list[tuple[dict[str, str], int]] = []

    async def joinable(self, task: Task) -> None:
        await self.joinable_now.wait()

    async def withdrawn(self, task_id: str) -> None:
        self.calls.append(f"withdraw {task_id}")
        await self.in_table.wait()
        self.calls.append(f"withdrawn {task_id}")

    async def drain(self, task: Task) -> DrainOutcome | None:
        self.calls.append(f"drain {task.id}")
        await asyncio.sleep(self.drain_s)
        return DrainOutcome(open=2, waited=7_000_000) if self.left_open else None

    async def displaced(self, places: Mapping[str, str], pid: int, runtime: str) -> Mapping[str, str]:
        return {key: self.moved[key] for key in places if key in self.moved}

    async def lead_names(self, places: Mapping[str, str], pid: int) -> None:
        self.led.append((dict(places), pid))

    async def silence(self, pid: int, listening: Listening, runtime: str, timeout_s: float | None) -> str:
        """As the kernel side: what is missing, after that time; `heard` ends the waiting."""
        self.looks.append((listening, timeout_s))
        if timeout_s != 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.heard.wait(), timeout_s)
        return "" if self.heard.is_set() else listening.silent([])

    async def forget(self, task: Task) -> None:
        self.calls.append(f"forget {task.id}")


class Stage:
    """Everything around one agent, which `starts` and `crashes` when a test says so."""

    def __init__(
        self,
        engine: Engine,
        calls: list[str],
        folder: Path,
        resync_s: float = RESYNC_S,
        sockets: Sockets | None = None,
    ) -> None:
        self.resync_s = resync_s
        ids = (f"id{number:023}" for number in itertools.count(1))
        self.memory = Memory()
        self.store = Store(self.memory, time.time_ns, lambda: next(ids))
        self.engine = engine
        self.calls = calls
        self.traffic = Notes(calls)
        self.folder = folder
        self.sockets = sockets
        self.conditions = Conditions()
        self.listeners: tuple[ListeningSocket, ...] | None = None
        """What listens in every container."""
        self.agent = self._agent()
        self._running: asyncio.Task[None] | None = None

    def _agent(self) -> Agent:
        return Agent(
            self.store,
            self.engine,
            self.traffic,
            self.folder,
            resync_s=self.resync_s,
            sockets=self.sockets,
            conditions=self.conditions,
            listeners_of=lambda pid, runtime: self.listeners,
        )

    async def start(self) -> None:
        self.agent = self._agent()
        self._running = asyncio.create_task(self.agent.run())

    async def crash(self) -> None:
        """The agent ends between two awaits, as if it were killed."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
            self._running = None

    async def put(self, *rows: Any) -> None:
        def write(tx: Tx) -> None:
            for row in rows:
                tx.put(row)

        await self.store.update(write)

    async def task(self, key: str = "t1", desired: TaskState = TaskState.RUNNING, **container: Any) -> Task:
        task = new_task(key, desired, container)
        await self.put(task)
        return task

    async def want(self, key: str, desired: TaskState) -> None:
        await self.store.update(lambda tx: tx.put(replace(tx.view.tasks[key], desired=desired)))

    async def drop(self, key: str) -> None:
        """History is trimmed: the row goes."""
        await self.store.update(lambda tx: tx.delete(tx.view.tasks[key]))

    def row(self, key: str = "t1") -> Task:
        return self.store.view.tasks[key]

    async def until(self, true: Callable[[], bool], within_s: float = 15.0) -> None:
        """Wait for a condition, looked at again after every turn of the loop and every few ms."""
        try:
            async with asyncio.timeout(within_s):
                while not true():
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(f"{self.calls} {list(self.store.view.tasks.values())}") from None

    async def until_state(self, state: TaskState, key: str = "t1", within_s: float = 15.0) -> TaskStatus:
        def there() -> bool:
            found = self.store.view.tasks.get(key)
            return found is not None and found.status.state == state

        await self.until(there, within_s)
        return self.row(key).status

    def observed(self, key: str = "t1") -> list[str]:
        """The messages of a task's commits in order, each once."""
        seen = [change.new.status.message for change in self._changes(key) if isinstance(change.new, Task)]
        return [message for message, _ in itertools.groupby(seen)]

    def check_rules(self) -> None:
        """States only rose, and the agent wrote only what is the agent's."""
        for change in (change for commit in self.memory.commits for change in commit):
            if isinstance(change.old, Task) and isinstance(change.new, Task):
                before, after = change.old.status.state, change.new.status.state
                assert after >= before
                assert after == before or OWNERS[before] == "agent"

    def _changes(self, key: str) -> list[Change]:
        changes = [change for commit in self.memory.commits for change in commit]
        return [change for change in changes if change.object.id == key]


def new_task(key: str, desired: TaskState, container: Raw, slot: int = 1) -> Task:
    spec = {"Image": "box:1", "Args": ["sleep", "1000"], **container}
    return Task(
        id=key,
        service_id="service1",
        service_name="web",
        node_id=NODE.id,
        spec=of_task({"ContainerSpec": spec, "Networks": [{"Target": NETWORK.id}]}),
        endpoint_spec=None,
        spec_version=1,
        desired=desired,
        status=TaskStatus(TaskState.ASSIGNED, 1, "scheduler assigned task to node"),
        slot=slot,
        attachments=(Attachment(NETWORK.id),),
    )


@asynccontextmanager
async def stage(
    engine: FakeEngine | None = None,
    running: bool = True,
    resync_s: float = RESYNC_S,
    sockets: Sockets | None = None,
) -> AsyncIterator[Stage]:
    """A stage over the fake engine, on which the agent runs already."""
    fake = engine or FakeEngine()
    fake.networks[NETWORK.engine_name] = NETWORK.id
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        here = Stage(fake, fake.calls, Path(folder) / "tasks", resync_s, sockets)
        await here.put(NODE, NETWORK)
        if running:
            await here.start()
        try:
            yield here
        finally:
            await here.crash()
            here.check_rules()


def done(calls: list[str], *verbs: str) -> list[str]:
    """The calls of some verbs, in order."""
    return [call for call in calls if call.split()[0] in verbs]
