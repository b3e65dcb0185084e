"""One serial transaction at a time: persist, swap the view, publish the changes.

Whoever reads takes `store.view`, a frozen snapshot. Whoever writes passes a function to `update`; it sees
its own writes through `tx.view` and may be refused by raising. What was returned is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import msgspec
import structlog

from skerry.core.view import COLLECTION_OF, View
from skerry.model.conditions import Conditions
from skerry.model.defaults import SECOND
from skerry.model.objects import Object
from skerry.store.errors import DisplacedError, StateError

log = structlog.get_logger()

REMARKED = 3600 * SECOND
"""How long the status says what was mended."""

T = TypeVar("T")
O = TypeVar("O", bound=Object)  # noqa: E741


@dataclass(frozen=True)
class Change:
    """One object that a commit created (`old` is None), updated, or removed (`new` is None)."""

    old: Object | None
    new: Object | None

    @property
    def object(self) -> Object:
        """The object as it is now, or as it last was."""
        obj = self.new if self.new is not None else self.old
        assert obj is not None
        return obj


@dataclass(frozen=True)
class Commit:
    """A committed transaction: the view after it, when it was, and what it changed, in order."""

    view: View
    at: int
    changes: tuple[Change, ...]


Concerns = Callable[[Commit], bool]


def about(*kinds: type[Object]) -> Concerns:
    """Concerned by whatever changes a row of these kinds."""
    return lambda commit: any(isinstance(change.object, kinds) for change in commit.changes)


class Persistence(Protocol):
    """Where commits are kept (`skerry.store.sqlite`); tests and the simulation use none."""

    @property
    def locked(self) -> bool:
        """Whether it takes the swarm's unlock key to read what is secret."""

    def unlock(self, key: str) -> None:
        """Open what is secret, or raise."""

    def load(self) -> View:
        """Everything that was written; while it is locked, without what is secret."""

    def write(self, index: int, changes: tuple[Change, ...]) -> None:
        """Write a commit whole, durably, or raise StateError; DisplacedError where `mend` must come first.
        While it is locked, the swarm's end and nothing else."""

    def mend(self, view: View) -> str:
        """Have `view`, which is what was committed, where the next start finds it; what was wrong and done,
        in words, or "". Raises StateError where nothing can be written."""

    def close(self) -> None:
        """Let go of the file."""


class Tx:
    """A transaction under way: the only object with methods that change data."""

    def __init__(self, view: View, now: int, new_id: Callable[[], str]) -> None:
        self.now = now
        self.new_id = new_id
        self.version = view.version + 1
        self.view = view
        self._base = view
        self._touched: dict[tuple[type[Object], str], None] = {}

    def put(self, obj: O) -> O:
        """Create or replace an object; sets its version and times and returns it as stored."""
        plain: Object = obj
        kind = type(plain)
        before = getattr(self._base, COLLECTION_OF[kind]).get(obj.id)
        created = obj.created_at if before is not None else (obj.created_at or self.now)
        stored = msgspec.structs.replace(obj, version=self.version, created_at=created, updated_at=self.now)
        self.view = self.view.put(stored)
        self._touched[kind, obj.id] = None
        return stored

    def delete(self, obj: Object) -> None:
        """Remove an object; unknown ones are already removed."""
        self.view = self.view.without(obj)
        self._touched[type(obj), obj.id] = None

    def changes(self) -> tuple[Change, ...]:
        """What differs from the view that the transaction began with, in the order of the first touch."""
        changes = []
        for kind, key in self._touched:
            name = COLLECTION_OF[kind]
            old, new = getattr(self._base, name).get(key), getattr(self.view, name).get(key)
            if old is not new:
                changes.append(Change(old, new))
        return tuple(changes)


class Store:
    """The state of the swarm. `clock` returns wall-clock nanoseconds."""

    def __init__(
        self,
        persistence: Persistence,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        conditions: Conditions | None = None,
    ) -> None:
        """Load the view from what is stored; where that is locked, the view says so."""
        view = persistence.load()
        self._conditions = conditions or Conditions()
        self._remarked_at = 0
        self.view = replace(view, locked=True) if persistence.locked else view
        self._persistence = persistence
        self._open = asyncio.Event()
        self._clock = clock
        self._new_id = new_id
        self._lock = asyncio.Lock()
        self._watchers: dict[asyncio.Queue[Commit], Concerns] = {}  # heard in the order of subscribing

    async def update(self, fn: Callable[[Tx], T]) -> T:
        """Run `fn` in the one transaction at a time; its errors leave everything as it was."""
        async with self._lock:
            tx = Tx(self.view, self._clock(), self._new_id)
            result = fn(tx)
            changes = tx.changes()
            if changes:
                await self._commit(tx, changes)
            return result

    def rehearse(self, fn: Callable[[Tx], T]) -> T:
        """What `update` would return, or raise, of the same function at this moment; nothing is written."""
        return fn(Tx(self.view, self._clock(), self._new_id))

    async def _commit(self, tx: Tx, changes: tuple[Change, ...]) -> None:
        """Write, swap, publish, in the step in which whoever asked goes on: its answer has left when the
        watchers begin."""
        loop = asyncio.get_running_loop()
        writing = loop.run_in_executor(None, self._write, tx.version, changes)
        cancelled = await _outlast(writing)
        failure = writing.exception()
        self._note(failure, "" if failure else writing.result())
        if failure is None:
            self._publish(tx, changes)
        if cancelled:
            raise asyncio.CancelledError
        writing.result()

    def _write(self, index: int, changes: tuple[Change, ...]) -> str:
        """Write a commit; what had to be mended for that, in words."""
        try:
            self._persistence.write(index, changes)
        except DisplacedError:
            remark = self._persistence.mend(self.view)
            self._persistence.write(index, changes)
            return remark
        return ""

    async def look_after(self) -> None:
        """See to it that what was committed lies where the next start finds it, and try again to write after
        a failure. Raises StateError where that is not possible; either stands in the conditions."""
        async with self._lock:
            mending = asyncio.get_running_loop().run_in_executor(None, self._persistence.mend, self.view)
            cancelled = await _outlast(mending)
            failure = mending.exception()
            self._note(failure, "" if failure else mending.result())
        if cancelled:
            raise asyncio.CancelledError
        mending.result()

    def _note(self, failure: BaseException | None, remark: str) -> None:
        """Have the conditions say how it stands with the disk, and for a while what was mended."""
        if failure is not None:
            self._conditions.set("state", str(failure))
            return
        self._conditions.clear("state")
        if remark:
            log.warning(remark)
            self._conditions.set("state file", remark)
            self._remarked_at = self._clock()
        elif self._remarked_at and self._clock() - self._remarked_at > REMARKED:
            self._conditions.clear("state file")
            self._remarked_at = 0

    def _publish(self, tx: Tx, changes: tuple[Change, ...]) -> None:
        self.view = replace(tx.view, version=tx.version, locked=self._persistence.locked)
        commit = Commit(self.view, tx.now, changes)
        for watcher, concerns in self._watchers.items():
            if concerns(commit):
                watcher.put_nowait(commit)
        self._tell_open()

    async def unlock(self, key: str) -> None:
        """Read what is secret, with the swarm's unlock key. Raises what `Persistence.unlock` does."""
        async with self._lock:
            if self.view.locked:
                self.view = await asyncio.to_thread(self._load_with, key)
                self._tell_open()

    def _load_with(self, key: str) -> View:
        self._persistence.unlock(key)
        return self._persistence.load()

    async def opened(self) -> None:
        """Return once nothing is locked: at once, or when the swarm is unlocked or left."""
        self._tell_open()
        await self._open.wait()

    def _tell_open(self) -> None:
        if not self.view.locked:
            self._open.set()

    @asynccontextmanager
    async def watch(self, concerns: Concerns = lambda commit: True) -> AsyncIterator[asyncio.Queue[Commit]]:
        """Subscribe to the commits that concern the watcher: most concern few, and who is woken for nothing
        costs as much. `concerns` must not raise. Take `store.view` after entering and nothing is missed."""
        queue: asyncio.Queue[Commit] = asyncio.Queue()
        self._watchers[queue] = concerns
        try:
            yield queue
        finally:
            del self._watchers[queue]

    def close(self) -> None:
        """Close what is behind, once all that was committed lies there; nothing may be written afterwards."""
        with suppress(StateError):
            self._persistence.mend(self.view)
        self._persistence.close()


async def _outlast(writing: asyncio.Future[str]) -> bool:
    """Wait for a write to its end, however often the caller is cancelled; whether it was.

    A client that hangs up must not leave a commit on disk and not in memory, and the next transaction
    must not begin from the view before it.
    """
    cancelled = False
    while not writing.done():
        try:
            await asyncio.wait({writing})
        except asyncio.CancelledError:
            cancelled = True
    return cancelled
