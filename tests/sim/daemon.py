"""One life of the daemon: the real parts, put together as `skerry.daemon` does, over the fakes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from skerry.agent.agent import Agent
from skerry.core.view import View
from skerry.engine.port import Engine
from skerry.loops.clock import ClockLoop, SteadyClock, settle
from skerry.loops.handover import Handover
from skerry.loops.network import NetworkLoop
from skerry.loops.orchestrator import Decide, Orchestrator
from skerry.loops.releases import ReleasesLoop
from skerry.loops.segments import SegmentsLoop
from skerry.loops.supervision import run_all
from skerry.model.conditions import Conditions
from skerry.store.errors import StateError
from skerry.store.sqlite import SqlitePersistence
from skerry.store.store import Change, Commit, Store
from tests.sim.kernel import Kernel
from tests.sim.who import SETTLING, WHO, Who, signed

WRITE_NS = 1_000
"""A commit takes time: no two have the same instant."""


@dataclass(frozen=True)
class Written:
    """Which part of a daemon wrote a commit, and when: who looks at it only after a restart is late."""

    part: str
    at: int


class Disk:
    """A database that knows who wrote each commit, and takes nothing from a daemon that was killed."""

    def __init__(self, outside: Outside) -> None:
        path = outside.database
        self._rows = SqlitePersistence(path, path.with_suffix(".key"))
        self._alive = outside.alive
        self._pass_time = outside.pass_time
        self._steady = outside.steady
        self.written: deque[Written] = deque()
        """Of the commits that nobody has looked at yet."""

    @property
    def locked(self) -> bool:
        return self._rows.locked

    def unlock(self, key: str) -> None:
        self._rows.unlock(key)

    def load(self) -> View:
        return self._rows.load()

    def write(self, index: int, changes: tuple[Change, ...]) -> None:
        if WHO.get().daemon != self._alive():
            raise StateError("the daemon was killed")
        self._rows.write(index, changes)
        self._pass_time(WRITE_NS)
        self.written.append(Written(WHO.get().part, self._steady()))

    def mend(self, view: View) -> str:
        return self._rows.mend(view) if WHO.get().daemon == self._alive() else ""

    def close(self) -> None:
        self._rows.close()


class Alarm(Conditions):
    """Nothing that the guard heals happens here but by a kill: whatever it says is told to the world."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def set(self, key: str, text: str) -> None:
        self._tell(f"{key}: {text}")
        super().set(key, text)


@dataclass(frozen=True)
class Outside:
    """What a daemon is given. `wall` may step, `steady` (ns) never does."""

    engine: Engine
    kernel: Kernel
    wall: Callable[[], int]
    steady: Callable[[], int]
    pass_time: Callable[[int], None]
    new_id: Callable[[], str]
    decide: Decide
    database: Path
    files: Path
    alive: Callable[[], int]
    resync_s: float


class Daemon:
    """The daemon of a number; `commits` are those that nobody has looked at yet."""

    def __init__(self, number: int, outside: Outside, wrong: Callable[[str], None]) -> None:
        """`wrong` is told of each loop or pass that fails."""
        self.number = number
        self._conditions = Alarm(wrong)
        self.disk = Disk(outside)
        self.clock = SteadyClock(outside.wall, outside.steady)
        self.store = Store(self.disk, self.clock, outside.new_id)
        network = NetworkLoop(self.store, outside.kernel, outside.resync_s)
        segments = SegmentsLoop(self.store, outside.engine, outside.kernel)
        handover = Handover(network, segments, outside.kernel)
        agent = Agent(
            self.store, outside.engine, handover, outside.files, self.clock, resync_s=outside.resync_s
        )
        orchestrator = Orchestrator(
            self.store, self.clock, self._conditions, outside.decide, outside.resync_s
        )
        self.commits: asyncio.Queue[Commit] = asyncio.Queue()
        self.running: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()
        self._loops = {
            "network": network.run,
            "segments": segments.run,
            "orchestrator": orchestrator.run,
            "control": ReleasesLoop(
                self.store, outside.engine, self.clock, outside.resync_s
            ).run,  # what it writes is what a user's call would
            "agent": agent.run,
            "clock": ClockLoop(self.store, self.clock).run,
        }

    async def start(self, ended: Callable[[asyncio.Task[None]], None]) -> None:
        """Run until killed; `ended` is told where it ends by itself."""
        self.commits = await self._stack.enter_async_context(self.store.watch())
        WHO.set(Who(self.number, SETTLING))
        await settle(self.store, self.clock)
        loops = {part: signed(Who(self.number, part), run) for part, run in self._loops.items()}
        self.running = asyncio.create_task(run_all(loops, self._conditions), name=f"daemon {self.number}")
        self.running.add_done_callback(ended)

    async def bury(self) -> None:
        """After a kill: let its coroutines unwind, which reach nothing any more."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
        await self._stack.aclose()
        self.store.close()
