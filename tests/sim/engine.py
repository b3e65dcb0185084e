"""The fake engine with a life of its own: it takes its time, fails, goes away, and loses events.

What it has begun goes on whoever waits for it, as a real engine's work does when its caller is killed.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from skerry.engine.port import EngineError, EngineUnreachable, ExecResult
from skerry.model.objects import Raw
from skerry.model.times import timestamp
from tests.engine.fake import Box, FakeEngine
from tests.sim.weather import Habit, Weather
from tests.sim.who import NOBODY, WHO

JOB = "job"
"""Tasks of services whose name ends so end by themselves."""

AWAY = "the engine does not answer: it is down"


class MovedEngine(FakeEngine):
    """`alive` is the number of the daemon that may ask; `on_call` hears each call before it is done."""

    def __init__(self, clock: Callable[[], int], weather: Weather) -> None:
        super().__init__(clock)
        self.weather = weather
        self.alive: Callable[[], int] = lambda: 0
        self.on_call: Callable[[str, str], None] = lambda verb, name: None
        self.habits: dict[str, tuple[Habit, float]] = {}
        """By container ID: what this run does, and the loop's time of its start."""
        self.stopping: set[str] = set()
        """The containers that have been told to end and still run."""
        self._waiting: dict[asyncio.Future[Any], None] = {}
        self._work: dict[asyncio.Task[Any], None] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # Faults.

    def go_down(self) -> None:
        """Nobody answers any more; what was begun goes on."""
        self.down = True
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(EngineUnreachable(AWAY))
        self.break_events()

    def come_back(self) -> None:
        """It answers again."""
        self.down = False

    def calm_down(self) -> None:
        """Every running container begins anew, so to say: none fails or is sick from now on."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for box in self.boxes.values():
            if box.running:
                self._begun(box, self._habit(box))

    def restart(self, name: str) -> None:
        """Somebody else stops a container and starts it again, all at once."""
        box = self._box(name)
        self.end(name, 137)
        box.status, box.pid, box.started_at = "running", next(self._numbers) + 1000, timestamp(self.clock())
        box.ended.clear()
        for network in box.networks:
            box.networks[network] = self._address(box, network) if network in self.networks else ""
        self._begun(box, self._habit(box))

    def ready_at(self, pid: int) -> float:
        """The loop's time from which a process listens; that of one that is gone is never."""
        box = next((box for box in self.boxes.values() if box.running and box.pid == pid), None)
        if box is None:
            return math.inf
        habit, started = self.habits[box.id]
        return started + habit.ready_s

    # The port.

    async def pull(self, reference: str, auth: str = "") -> None:
        self._told("pull", reference)
        await self._answered(self._pull(reference))

    async def _pull(self, reference: str) -> None:
        await asyncio.sleep(self.weather.lasts("pull"))
        if self.weather.strikes(0.15):
            raise EngineError(500, f"pull access denied for {reference}")
        await super().pull(reference)

    async def create_container(self, name: str, body: Raw) -> str:
        self._told("create", name)
        return str(await self._answered(self._create(name, body)))

    async def _create(self, name: str, body: Raw) -> str:
        await asyncio.sleep(self.weather.lasts("create"))
        if self.weather.strikes(0.02):
            raise EngineError(500, "no space left on device")
        return await super().create_container(name, body)

    async def start_container(self, container: str) -> None:
        self._told("start", container)
        await self._answered(self._start(container))

    async def _start(self, container: str) -> None:
        await asyncio.sleep(self.weather.lasts("start"))
        box = self._box(container)
        if self.weather.strikes(0.04):
            box.exit_code = 128
            raise EngineError(500, "driver failed programming external connectivity")
        if box.running:
            return
        await super().start_container(container)
        self._begun(box, self._habit(box))

    def _habit(self, box: Box) -> Habit:
        return self.weather.habit(job=box.name.partition(".")[0].endswith(JOB))

    def _begun(self, box: Box, habit: Habit) -> None:
        loop = asyncio.get_running_loop()
        self.habits[box.id] = (habit, loop.time())
        if not box.running:
            return
        if habit.ends_s != float("inf"):
            self._timers[box.id] = loop.call_later(habit.ends_s, self._ends, box.name, habit.code)

    def _ends(self, name: str, code: int) -> None:
        if name in self.boxes:
            self.on_call("exits", name)
            self.end(name, code)

    def end(self, name: str, code: int, error: str = "") -> None:
        if (timer := self._timers.pop(self._box(name).id, None)) is not None:
            timer.cancel()
        super().end(name, code, error)

    async def stop_container(self, container: str, grace_s: int) -> None:
        self._told("stop", container)
        await self._answered(self._stop(container, grace_s))

    async def _stop(self, container: str, grace_s: int) -> None:
        box = self._find(container)
        if box is None or not box.running:
            return
        habit, _ = self.habits[box.id]
        pid, wait = box.pid, min(habit.stop_s, float(grace_s))
        self.stopping.add(box.name)
        await asyncio.sleep(wait)
        self.stopping.discard(box.name)
        if box.pid == pid:
            self.end(box.name, 137 if wait == grace_s else 0)

    async def remove_container(self, container: str) -> None:
        self._told("remove", container)
        await self._answered(self._remove(container))

    async def _remove(self, container: str) -> None:
        await asyncio.sleep(self.weather.lasts("remove"))
        await super().remove_container(container)

    async def inspect_container(self, container: str) -> Raw | None:
        self._reached()
        await asyncio.sleep(self.weather.lasts("look"))
        self._reached()
        return await super().inspect_container(container)

    async def exec(
        self, container: str, command: list[str], timeout_s: float, user: str = "", options: Raw | None = None
    ) -> ExecResult:
        self._reached()
        await asyncio.sleep(min(self.weather.lasts("probe"), timeout_s))
        return await super().exec(container, command, timeout_s, user)

    def check_health(self, box: Box, command: list[str]) -> ExecResult:
        """What every command answers in a world: whether the container is well."""
        habit, started = self.habits[box.id]
        age = asyncio.get_running_loop().time() - started
        well = age >= habit.ready_s and not habit.sick[0] <= age < habit.sick[1]
        return ExecResult(0 if well else 1, "")

    async def create_network(self, body: Raw) -> str:
        self._told("network", body["Name"])
        await asyncio.sleep(self.weather.lasts("network"))
        if self.weather.strikes(0.1):
            raise EngineError(500, "failed to create the bridge: device or resource busy")
        return await super().create_network(body)

    def _emit(self, action: str, box: Box, **attributes: str) -> None:
        if not self.weather.strikes(0.05):
            super()._emit(action, box, **attributes)

    def _told(self, verb: str, name: str) -> None:
        self._reached()
        self.on_call(verb, name)

    def _asked(self, what: str) -> None:
        if WHO.get() is not NOBODY:  # what the engine does for itself is asked by nobody
            self._reached()

    def _reached(self) -> None:
        if self.down or WHO.get().daemon != self.alive():
            raise EngineUnreachable(AWAY)

    async def _answered(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for work that goes on by itself; unreachable where the engine goes away meanwhile."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        task = loop.create_task(work, context=Context())
        self._work[task] = None
        self._waiting[answer] = None

        def done(task: asyncio.Task[Any]) -> None:
            del self._work[task]
            error = task.exception()
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(task.result())

        task.add_done_callback(done)
        try:
            return await answer
        finally:
            del self._waiting[answer]
