"""The logs of several tasks as one stream: what is past in the order of time, then what comes, as it comes.

No line is lost and none comes twice: each container's last line is marked by its time and its place
among those of
the same time, and a stream that breaks off or ends is read again from there. While several containers
write, a
line is held for a moment, so that those of another that were written before it come before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from skerry.core.view import View
from skerry.engine import streams
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.model.defaults import SECOND
from skerry.model.objects import Task
from skerry.model.states import TaskState
from skerry.model.times import instant
from skerry.store.store import Store

QUEUED = 256
"""So many lines wait for a slow client before the engine's streams are left waiting too."""
RETRY_S = 0.25
"""Between two looks at the log of a container that is only about to start, or whose stream broke off."""
HELD_LEAST_S, HELD_MOST_S = 0.1, 2.0
"""How long a line waits for those of other containers that were written before it: twice as long as
lines lately
took to come here, within these bounds."""
FADES = 0.99
"""How much of the longest way of late is left with each line that took a shorter one."""
MOST_HELD = 4096

Find = Callable[[View], list[Task]]
"""The tasks whose logs are wanted."""
Alive = Callable[[View], bool]
"""Whether more may come from them."""


@dataclass(frozen=True)
class LogLine:
    """One line, or piece of a long one: `text` is what the engine has behind the time."""

    stamp: str
    stream: int
    text: bytes
    task: Task


@dataclass
class Mark:
    """How far a container's log was given: the time of its last line, and how many lines have just that."""

    stamp: str = ""
    count: int = 0

    def note(self, stamp: str) -> None:
        """A line with this time was given."""
        self.stamp, self.count = stamp, self.count + 1 if stamp == self.stamp else 1


@dataclass
class MergedLogs:
    """One reading of the logs of tasks; `query` is the engine's."""

    store: Store
    engine: Engine
    query: Mapping[str, str]
    find: Find
    alive: Alive
    clock: Callable[[], int] = time.time_ns
    """The machine's clock, by which the engine dates lines (ns)."""
    marks: dict[str, Mark] = field(default_factory=dict)
    """By the container's ID."""
    _readers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _passed_over: set[str] = field(default_factory=set)
    """Tasks of whose past not all was wanted."""
    _cut: int = 0
    """What was written up to here is past (ns)."""
    _way_s: float = 0.0
    """The longest time of late from a line's date to its coming here."""

    async def past(self, *, goes_on: bool = False) -> AsyncIterator[LogLine]:
        """The lines that there are, in the order of time. Where `coming` goes on behind them, they are
        those of
        before this moment: one container is read later than another, which would have the order broken."""
        self._cut = self.clock()
        last = _stamp(self._cut) if goes_on else ""
        sources: list[AsyncIterator[LogLine]] = []
        heap: list[tuple[str, int, LogLine]] = []

        async def advance(index: int) -> None:
            async for line in sources[index]:
                if not last or line.stamp <= last:
                    heapq.heappush(heap, (line.stamp, index, line))
                return

        try:
            for task in filter(_loggable, self.find(self.store.view)):
                if self.query.get("tail", "all") != "all":
                    self._passed_over.add(task.id)
                sources.append(self._lines(task, {**self.query, "follow": "0"}, Mark()))
                await advance(len(sources) - 1)
            while heap:
                _, index, line = heapq.heappop(heap)
                self._mark(line.task).note(line.stamp)
                yield line
                await advance(index)
        finally:
            for source in sources:
                await source.aclose()  # type: ignore[attr-defined]  # a generator

    async def coming(self) -> AsyncIterator[LogLine]:
        """The lines behind the marks as they come, also of tasks that come later, as long as they are
        alive."""
        lines: asyncio.Queue[LogLine | None] = asyncio.Queue(QUEUED)
        supervisor = asyncio.create_task(self._supervise(lines), name="logs")
        try:
            async for line in self._in_order(lines, supervisor):
                yield line
        finally:
            running = (supervisor, *self._readers.values())
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _supervise(self, lines: asyncio.Queue[LogLine | None]) -> None:
        async with self.store.watch() as commits:
            self._attach(self.store.view, lines)
            while self.alive(self.store.view):
                self._attach((await commits.get()).view, lines)
        await asyncio.gather(*self._readers.values())
        await lines.put(None)

    def _attach(self, view: View, lines: asyncio.Queue[LogLine | None]) -> None:
        for task in self.find(view):
            if task.id not in self._readers and _loggable(task):
                reader = self._read(task, lines)
                self._readers[task.id] = asyncio.create_task(reader, name=f"logs: {task.name}")

    async def _in_order(
        self, lines: asyncio.Queue[LogLine | None], supervisor: asyncio.Task[None]
    ) -> AsyncIterator[LogLine]:
        """What the readers bring, sorted within the time that a line is held."""
        loop = asyncio.get_running_loop()
        held: list[tuple[str, int, LogLine]] = []
        arrivals: deque[tuple[float, str]] = deque()
        number = itertools.count()
        ended = False
        while not ended or held:
            wait_s = max(0.0, arrivals[0][0] + self._held_s - loop.time()) if arrivals else None
            if not ended:
                with contextlib.suppress(TimeoutError):
                    line = await _next(lines, supervisor, wait_s)
                    ended = line is None
                    if line is not None:
                        heapq.heappush(held, (line.stamp, next(number), line))
                        arrivals.append((loop.time(), line.stamp))
                        self._note_way(line)
            due = ""
            while arrivals and (
                ended or len(held) > MOST_HELD or arrivals[0][0] + self._held_s <= loop.time()
            ):
                due = max(due, arrivals.popleft()[1])
            while held and (held[0][0] <= due or ended):
                yield heapq.heappop(held)[2]

    @property
    def _held_s(self) -> float:
        """Nothing is waited for where one container alone writes."""
        reading = sum(not reader.done() for reader in self._readers.values())
        return min(max(HELD_LEAST_S, 2 * self._way_s), HELD_MOST_S) if reading > 1 else 0.0

    def _note_way(self, line: LogLine) -> None:
        way_s = max(0.0, (self.clock() - instant(line.stamp)) / SECOND)
        self._way_s = max(min(way_s, HELD_MOST_S), self._way_s * FADES)

    async def _read(self, task: Task, lines: asyncio.Queue[LogLine | None]) -> None:
        """Bring one container's log to its end. One that is only about to start is looked at again."""
        while True:
            ends = self._has_ended(task)
            try:
                query = {**self.query, **self._from(task), "tail": "all", "follow": "0" if ends else "1"}
                async for line in self._lines(task, query, self._mark(task)):
                    self._mark(task).note(line.stamp)
                    await lines.put(line)
                    if line.stream == streams.SYSTEM:
                        return
            except EngineUnreachable:
                ends = False  # it comes back, and its log with it
            if ends or not self.alive(self.store.view):
                return
            if not self._has_ended(task):
                await asyncio.sleep(RETRY_S)

    def _has_ended(self, task: Task) -> bool:
        now = self.store.view.tasks.get(task.id)
        return now is None or now.status.state.terminal

    def _mark(self, task: Task) -> Mark:
        return self.marks.setdefault(task.status.container_id, Mark())

    def _from(self, task: Task) -> dict[str, str]:
        """Where a container's log is read from on: behind its mark; what was passed over as past stays so."""
        mark = self._mark(task)
        if mark.stamp:
            return {"since": _seconds(mark.stamp)}
        return {"since": _seconds(_stamp(self._cut))} if task.id in self._passed_over else {}

    async def _lines(self, task: Task, query: Mapping[str, str], mark: Mark) -> AsyncIterator[LogLine]:
        """The lines of a task's container behind a mark. An error of the engine's is a line of its own; of a
        container that is gone there are none."""
        cut = streams.lines if task.spec.typed.container_spec.tty else streams.split
        after, left = mark.stamp, mark.count
        try:
            async with self.engine.logs(task.status.container_id, **query) as chunks:
                async for stream, line in cut(chunks):
                    stamp, _, text = line.partition(b" ")
                    at = stamp.decode("latin-1")
                    if at < after:
                        continue
                    if at == after and left:
                        left -= 1
                        continue
                    yield LogLine(at, stream, text, task)
        except EngineError as error:
            if error.status != 404:
                yield LogLine(after, streams.SYSTEM, f"Error grabbing logs: {error.message}\n".encode(), task)


async def _next(
    lines: asyncio.Queue[LogLine | None], supervisor: asyncio.Task[None], timeout_s: float | None
) -> LogLine | None:
    """The next line; what made the supervisor fail is raised here. Raises TimeoutError."""
    getting = asyncio.ensure_future(lines.get())
    try:
        await asyncio.wait({getting, supervisor}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if getting.done():
            return getting.result()
        if not supervisor.done():
            raise TimeoutError
        supervisor.result()
        return await getting
    finally:
        getting.cancel()


def _loggable(task: Task) -> bool:
    """Whether the container was started, so that following its log does not end at once."""
    return bool(task.status.container_id) and task.status.state >= TaskState.STARTING


def _stamp(at: int) -> str:
    """An instant as the engine dates lines: with all nine digits, so that texts compare as times do."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % SECOND:09d}Z"


def _seconds(stamp: str) -> str:
    """`2026-11-25T08:00:12.356107704Z` as the engine's `since` has it."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return f"{seconds}.{fraction or '0'}"
