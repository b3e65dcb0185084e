"""The whole world of one run: loop, engine, kernel, a daemon that may be killed, and the eyes on it all."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from skerry.control import swarm
from skerry.core.view import COLLECTION_OF, View
from skerry.model.objects import Cluster
from skerry.store.errors import StateError
from skerry.store.ids import ALPHABET, LENGTH
from skerry.store.store import Change, Commit, Store
from tests.sim.daemon import Daemon, Outside, Written
from tests.sim.decide import Decider
from tests.sim.engine import MovedEngine
from tests.sim.images import IMAGES
from tests.sim.invariants import COMMIT, Eyes, Step
from tests.sim.kernel import Kernel
from tests.sim.loop import SECOND, VirtualLoop
from tests.sim.past import Past
from tests.sim.story import Story, Violation
from tests.sim.weather import STORMY, Weather
from tests.sim.who import WHO, Who

EPOCH = 1_800_000_000 * SECOND
TURNS_AT_ONE_INSTANT = 20_000
DESCRIPTION = {
    "Platform": {"Architecture": "x86_64", "OS": "linux"},
    "Resources": {"NanoCPUs": 4_000_000_000, "MemoryBytes": 8 << 30},
}


class World:
    """Made by `world()`; `chance` is the only source of accident in it."""

    def __init__(self, seed: int, folder: Path, kind: str = STORMY, resync_s: float = 30.0) -> None:
        self.loop = VirtualLoop()
        self.chance = random.Random(seed)
        self.weather = Weather(random.Random(seed + 1), kind)
        self.story = Story(lambda: self.loop.now)
        self.engine = MovedEngine(self.wall, self.weather)
        self.engine.on_exec = self.engine.check_health
        self.kernel = Kernel(self.weather, self.engine)
        self.past = Past()
        self.decider = Decider(self.weather)
        self.eyes = Eyes(self.engine, self.kernel, self._current, self.story)
        self.number = 1
        """The daemon that is alive or, between two lives, the one to come."""
        self.digest = hashlib.sha256()
        self.services = 0
        self.on_commit: Callable[[Commit], None] = lambda commit: None
        self.wall_offset = 0
        self.clock_set_at = -EPOCH
        self._ids = random.Random(seed + 2)
        self._outside = Outside(
            engine=self.engine,
            kernel=self.kernel,
            wall=self.wall,
            steady=lambda: self.loop.now,
            pass_time=self.loop.pass_time,
            new_id=self.new_id,
            decide=self.decider,
            database=folder / "skerry.db",
            files=folder / "tasks",
            alive=lambda: self.number,
            resync_s=resync_s,
        )
        self.engine.alive = self.kernel.alive = lambda: self.number
        self.engine.pullable = dict(IMAGES)
        self.daemon: Daemon | None = None
        self._last = View()
        self._instant = (0, 0)
        self._kill_in: int | None = None
        self._graves: list[asyncio.Task[None]] = []
        self._unheard: deque[Written] = deque()
        """What the last daemon wrote and did not live to tell of."""
        self.loop.each_turn = self._turn
        self.loop.set_exception_handler(self._unhandled)

    def wall(self) -> int:
        """The machine's date, which may be set."""
        return EPOCH + self.loop.now + self.wall_offset

    def set_clock(self, by_s: float) -> None:
        """Set the machine's clock."""
        self.wall_offset += int(by_s * SECOND)
        self.clock_set_at = self.loop.now

    def new_id(self) -> str:
        """An ID as the daemon would draw it."""
        return "".join(self._ids.choices(ALPHABET, k=LENGTH))

    def speak(self) -> None:
        """From now on, the calling task speaks for a user to the living daemon."""
        WHO.set(Who(self.number, "control"))

    @property
    def store(self) -> Store:
        """The living daemon's. Raises StateError, as a client sees it, where there is none."""
        if self.daemon is None:
            raise StateError("nobody answers")
        return self.daemon.store

    @property
    def view(self) -> View:
        """What is stored."""
        return self._last if self.daemon is None else self.daemon.store.view

    def _current(self) -> View | None:
        return None if self.daemon is None else self.daemon.store.view

    # The daemon's lives.

    async def start(self) -> None:
        """Start a daemon from the database."""
        daemon = Daemon(self.number, self._outside, partial(self._wrong, self.number))
        self._continue_from(daemon)
        self.daemon = daemon
        self.story.tell("world", f"daemon {daemon.number} starts")
        try:
            await daemon.start(self._ended)
        except StateError:
            if daemon is self.daemon:
                raise
            return  # killed as it was just starting
        if daemon.store.view.cluster is None:
            self.speak()
            await swarm.init(
                daemon.store, {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "127.0.0.1"}, "vm", DESCRIPTION
            )

    def kill_in(self, turns: int) -> None:
        """Kill the daemon after so many turns of the loop, wherever it is then."""
        self._kill_in = turns

    @property
    def kill_is_due(self) -> bool:
        """Whether the daemon is about to be killed."""
        return self._kill_in is not None

    def spare(self) -> None:
        """Take a kill that is still to come back."""
        self._kill_in = None

    def _kill(self) -> None:
        daemon = self.daemon
        if daemon is None:
            return
        self._look()
        self._unheard = daemon.disk.written
        self.story.tell("world", f"daemon {daemon.number} is killed")
        self.number += 1
        self.daemon = None
        self._graves.append(self.loop.create_task(daemon.bury()))

    def _continue_from(self, daemon: Daemon) -> None:
        """What was loaded is what was committed. A commit that the last daemon wrote and did not live to tell
        of is looked at now."""
        loaded = daemon.store.view
        if loaded.version == self._last.version + 1:
            changes = tuple(_differences(self._last, loaded))
            self._check(Commit(loaded, self.wall(), changes), self._unheard.popleft())
        else:
            other = [
                name for name in COLLECTION_OF.values() if getattr(loaded, name) != getattr(self._last, name)
            ]
            if other or loaded.version != self._last.version:
                raise Violation("what was committed is what is loaded", f"different: {other}")
        self._last = loaded

    def _wrong(self, number: int, words: str) -> None:
        if self.daemon is not None and self.daemon.number == number:
            self.eyes.fail("a loop never ends by itself", words)

    def _ended(self, running: asyncio.Task[None]) -> None:
        if self.daemon is not None and self.daemon.running is running:
            error = None if running.cancelled() else running.exception()
            cause = getattr(error, "__cause__", None)
            self.eyes.fail("a loop never ends by itself", f"{error!r} from {cause!r}")

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.eyes.fail("nothing fails unnoticed", f"{context.get('message')} {context.get('exception')!r}")

    # After every turn of the loop.

    def _turn(self) -> None:
        self._look()
        at, turns = self._instant
        self._instant = (at, turns + 1) if at == self.loop.now else (self.loop.now, 0)
        if turns > TURNS_AT_ONE_INSTANT:
            raise Violation("nothing turns without end at one instant", f"{turns} turns")
        if self._kill_in is not None:
            self._kill_in -= 1
            if self._kill_in < 0:
                self._kill_in = None
                self._kill()

    def _look(self) -> None:
        daemon = self.daemon
        if daemon is not None:
            while not daemon.commits.empty():
                self._check(daemon.commits.get_nowait(), daemon.disk.written.popleft())
        if self.decider.failure is not None:
            raise self.decider.failure
        if self.eyes.failure is not None:
            raise self.eyes.failure

    def _check(self, commit: Commit, written: Written) -> None:
        writer = written.part
        self.story.tell(writer, commit.changes)
        self._digest(commit, writer)
        self.past.take(commit, written.at, writer)
        self.on_commit(commit)
        step = Step(self._last, commit.view, commit.changes, writer, written.at, self.past)
        self._last = commit.view
        for invariant in COMMIT:
            for seen in invariant(step):
                raise Violation(invariant, seen)

    def _digest(self, commit: Commit, writer: str) -> None:
        said = [repr(one.new) for one in commit.changes if not isinstance(one.object, Cluster)]
        self.digest.update(f"{self.loop.now} {writer} {said}".encode())


def _differences(before: View, after: View) -> Iterator[Change]:
    for name in COLLECTION_OF.values():
        old, new = getattr(before, name), getattr(after, name)
        for key in sorted({*old, *new}):
            if old.get(key) != new.get(key):
                yield Change(old.get(key), new.get(key))


@contextmanager
def world(seed: int, **more: Any) -> Iterator[World]:
    """A world on a tmpfs; what skerry logs in it goes to its story."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="skerry-sim-") as folder:
        here = World(seed, Path(folder), **more)
        before = structlog.get_config()
        structlog.configure(processors=[here.story.heard], cache_logger_on_first_use=False)
        try:
            yield here
        finally:
            here.loop.each_turn = lambda: None
            here.number += 1
            with contextlib.suppress(Exception):
                here.loop.run_until_complete(_end(here))
            here.loop.close()
            structlog.configure(**before)


async def _end(here: World) -> None:
    if here.daemon is not None:
        await here.daemon.bury()
    everything = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in everything:
        task.cancel()
    await asyncio.gather(*everything, return_exceptions=True)
