"""Writes down what happens, in words: the commits of the store, and what is wrong with the machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from skerry.core.chronicle import TOLD, events_of, of_turn, turned
from skerry.model.conditions import Conditions
from skerry.model.event import Event
from skerry.model.objects import Service
from skerry.store.event_file import EventFile
from skerry.store.store import Commit, Store, about

LOOK_S = 2.0
"""How often the conditions are looked at, which tell nobody when they change."""
FACTS_S = 3.0
"""How long an update that was turned waits for the facts of the task that did it."""
PENDING = 4096
"""So many events may wait for one reader; one that is slower is cut off."""


class ChronicleLoop:
    """Watches the store for ever; gives events to whoever follows them."""

    def __init__(
        self, store: Store, file: EventFile, clock: Callable[[], int], conditions: Conditions
    ) -> None:
        """`clock` is wall-clock nanoseconds."""
        self._store = store
        self._file = file
        self._clock = clock
        self._conditions = conditions
        self._known: dict[str, str] = {}
        self._turned: dict[str, tuple[float, int]] = {}
        """Services whose update was turned: when (by the loop's time) it is told at the latest, when it
        was."""
        self._readers: set[asyncio.Queue[Event | None]] = set()

    async def run(self) -> None:
        """Watch for ever. Raises OSError where the file can't be written."""
        async with self._store.watch(about(*TOLD)) as commits:
            while True:
                events = await self._heard(commits)
                if events:
                    await asyncio.to_thread(self._file.append, events)
                    self._publish(events)

    async def past(self) -> list[Event]:
        """Those that are kept, oldest first."""
        return await asyncio.to_thread(self._file.read)

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[asyncio.Queue[Event | None]]:
        """The events from now on; None: the reader was too slow, and is cut off."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._readers.add(queue)
        try:
            yield queue
        finally:
            self._readers.discard(queue)

    async def _heard(self, commits: asyncio.Queue[Commit]) -> list[Event]:
        """What the next commits mean, or after a while the conditions."""
        batch = []
        try:
            async with asyncio.timeout(LOOK_S):
                batch.append(await commits.get())
        except TimeoutError:
            pass
        while not commits.empty():
            batch.append(commits.get_nowait())
        events = [event for commit in batch for event in self._of_commit(commit)]
        return [*events, *self._of_turns(), *self._of_conditions()]

    def _of_commit(self, commit: Commit) -> list[Event]:
        events: list[Event] = []
        for change in commit.changes:
            events += events_of(commit.view, change.old, change.new, commit.at)
            if turned(change.old, change.new):
                self._turned[change.object.id] = (asyncio.get_running_loop().time() + FACTS_S, commit.at)
        return events

    def _of_turns(self) -> list[Event]:
        """Updates that were turned, once the facts of the task are there, or the time for that is over."""
        events = []
        for key, (due, at) in list(self._turned.items()):
            service = self._store.view.services.get(key)
            if service is None or self._are_known(service) or due <= asyncio.get_running_loop().time():
                del self._turned[key]
                if service is not None:
                    events.append(of_turn(self._store.view, service, at))
        return events

    def _are_known(self, service: Service) -> bool:
        task = self._store.view.tasks.get(service.update.failed_task) if service.update is not None else None
        return task is None or task.facts is not None

    def _of_conditions(self) -> list[Event]:
        """What has become wrong with the machine since the last look, and what has been mended."""
        now = dict(text.partition(": ")[::2] for text in self._conditions.texts)
        before, self._known = self._known, now
        at = self._clock()
        events = [
            Event(at, "machine", f"{key}: {text}", key, trouble=True)
            for key, text in now.items()
            if key not in before
        ]
        events += [Event(at, "machine", f"{key}: mended", key) for key in before if key not in now]
        return events

    def _publish(self, events: list[Event]) -> None:
        for reader in tuple(self._readers):
            if reader.qsize() + len(events) > PENDING:
                self._readers.discard(reader)
                reader.put_nowait(None)
                continue
            for event in events:
                reader.put_nowait(event)
