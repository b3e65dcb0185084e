"""The orchestrator: whatever changes marks services dirty; one pass of the core decides from a fresh view."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from skerry.core.plan import Plan, is_new
from skerry.core.reconcile import reconcile
from skerry.core.view import View
from skerry.loops.supervision import broken, from_outside, growing_pauses, in_words
from skerry.model.conditions import Conditions
from skerry.model.defaults import NOTES_KEPT
from skerry.model.objects import Cluster, Decision, Lease, Node, Note, Service, Task
from skerry.model.releases import Release
from skerry.model.states import TaskState
from skerry.store.errors import StateError
from skerry.store.store import Change, Commit, Store, Tx

log = structlog.get_logger()

RESYNC_S = 30.0
"""A lost wake-up costs at most so much."""
NOTED_S = 0.2
"""A decision that writes nothing else is written down after so long, unless another one has come meanwhile:
most that an update waits for is over by then, and each would cost a commit."""


Decide = Callable[[View, str, int], Plan]
"""From a view, a service's ID and an instant (ns) to a plan: `core.reconcile`, or a test's way around it."""


@dataclass
class FailedPass:
    """A service whose last pass failed: why, and when (by the loop's time) the next try is due."""

    condition: str
    pauses: Iterator[float]
    why: str = ""
    due_at: float = 0.0


class Orchestrator:
    """Reconciles services one at a time, and keeps the last decisions about each, in words. A pass that fails
    is its service's own misfortune: the others go on, and it is tried again."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        conditions: Conditions,
        decide: Decide = reconcile,
        resync_s: float = RESYNC_S,
    ) -> None:
        """`decide` is the core's pass, but for tests; all is decided again every `resync_s`."""
        self._store = store
        self._clock = clock
        self._conditions = conditions
        self._decide = decide
        self._resync_s = resync_s
        self._dirty: dict[str, None] = {}
        self._wake_at: dict[str, int] = {}
        self._unplaced: dict[str, None] = {}
        """Services with a task for which there is no place yet."""
        self._awaited: dict[str, dict[str, None]] = {}
        """By the name of a service: those that wait for it."""
        self._notes: dict[str, Note] = {}
        """What was decided last and is not written down yet."""
        self._notes_due_at = math.inf
        self._failed: dict[str, FailedPass] = {}

    async def run(self) -> None:
        """Reconcile for ever. What was to be done when a former run ended is found again: all is dirty."""
        async with self._store.watch() as commits:
            self._mark_all()
            resync_at = asyncio.get_running_loop().time() + self._resync_s
            while True:
                while self._dirty:
                    service_id = next(iter(self._dirty))
                    del self._dirty[service_id]
                    await self._try(service_id)
                    self._take(commits)
                await self._remember_in_time()
                if await self._wait(commits, resync_at):
                    self._mark_all()
                    resync_at = asyncio.get_running_loop().time() + self._resync_s

    def _mark_all(self) -> None:
        view = self._store.view
        self._dirty |= dict.fromkeys(sorted({*view.services, *view.index.tasks}))

    def _take(self, commits: asyncio.Queue[Commit]) -> None:
        while not commits.empty():
            self._mark(commits.get_nowait().changes)

    def _mark(self, changes: Iterable[Change]) -> None:
        """Note the services that have to be decided on after a commit: the changed ones, those that wait for
        them, and those without a place where one has become free."""
        for change in changes:
            match change.object:
                case Service(id=service_id, name=name) | Task(service_id=service_id, service_name=name):
                    self._dirty[service_id] = None
                    self._dirty |= self._awaited.get(name, {})
                    if _frees_a_place(change):
                        self._dirty |= self._unplaced
                case Release(services=services):
                    self._dirty |= dict.fromkeys(part.id for part in services)
                case Lease():
                    self._dirty |= self._unplaced
                case Node() | Cluster():
                    self._mark_all()

    async def _wait(self, commits: asyncio.Queue[Commit], resync_at: float) -> bool:
        """Until something changes, or the next instant that a pass asked for. True where all is due again."""
        loop = asyncio.get_running_loop()
        wakes = [max(0.0, (at - self._clock()) / 1e9) for at in self._wake_at.values()]
        retries = [failed.due_at for failed in self._failed.values()]
        until = min([resync_at, self._notes_due_at, *retries, *(loop.time() + wait for wait in wakes)])
        try:
            async with asyncio.timeout_at(until):
                self._mark((await commits.get()).changes)
        except TimeoutError:
            pass
        now = self._clock()
        for service_id in [key for key, at in self._wake_at.items() if at <= now]:
            del self._wake_at[service_id]
            self._dirty[service_id] = None
        self._dirty |= dict.fromkeys(
            key for key, failed in self._failed.items() if failed.due_at <= loop.time()
        )
        return loop.time() >= resync_at

    async def _try(self, service_id: str) -> None:
        """A pass; one that fails is noted and due again after a while. What the store says concerns all."""
        try:
            await self._pass(service_id)
        except StateError:
            raise
        except Exception as error:
            if broken(error):
                raise
            self._note_failure(service_id, error)
        else:
            if failed := self._failed.pop(service_id, None):
                self._conditions.clear(failed.condition)

    def _note_failure(self, service_id: str, error: Exception) -> None:
        failed = self._failed.get(service_id)
        if failed is None:
            service = self._store.view.services.get(service_id)
            failed = FailedPass(f"service {service.name if service else service_id}", growing_pauses())
            self._failed[service_id] = failed
        pause, why = next(failed.pauses), in_words(error)
        trace = error if why != failed.why and not from_outside(error) else None
        log.warning("a pass failed", of=failed.condition, why=why, again_in_s=pause, exc_info=trace)
        failed.why, failed.due_at = why, asyncio.get_running_loop().time() + pause
        text = f"its next step could not be decided: {why}; trying again in {pause:g} s"
        self._conditions.set(failed.condition, text)

    async def _pass(self, service_id: str) -> None:
        """Decide about one service in one transaction, and note when it has to be looked at again."""

        def decide(tx: Tx) -> Plan:
            plan = self._decide(tx.view, service_id, tx.now)
            if not plan.empty:  # what has to be written anyway takes its note along
                apply(plan, tx)
                _write_note(tx, service_id, plan.note)
            return plan

        plan = await self._store.update(decide)
        self._wake_at.pop(service_id, None)
        self._unplaced.pop(service_id, None)
        self._note_awaited(service_id, plan.awaited)
        tasks = self._store.view.tasks_of(service_id)
        if any(task.live and task.status.state < TaskState.ASSIGNED for task in tasks):
            self._unplaced[service_id] = None
        if plan.wake_at is not None:
            self._wake_at[service_id] = plan.wake_at
        self._notes[service_id] = plan.note

    def _note_awaited(self, service_id: str, names: tuple[str, ...]) -> None:
        """Have a service decided about again when one that it waits for changes; no more when others do."""
        for name in [name for name, waiting in self._awaited.items() if service_id in waiting]:
            if name not in names:
                del self._awaited[name][service_id]
                if not self._awaited[name]:
                    del self._awaited[name]
        for name in names:
            self._awaited.setdefault(name, {})[service_id] = None

    async def _remember_in_time(self) -> None:
        """Once everything is decided: write down what has waited long enough for that."""
        now = asyncio.get_running_loop().time()
        view = self._store.view
        self._notes = {
            key: note
            for key, note in self._notes.items()
            if key in view.services and not _known(view.decisions.get(key), note)
        }
        if self._notes and now >= self._notes_due_at:
            await self._store.update(self._write_notes)
            self._notes.clear()
        self._notes_due_at = min(self._notes_due_at, now + NOTED_S) if self._notes else math.inf

    def _write_notes(self, tx: Tx) -> None:
        for key, note in self._notes.items():
            _write_note(tx, key, note)


def _frees_a_place(change: Change) -> bool:
    """Whether a task holds a port, an address and what it reserved no longer, or a service a virtual IP:
    another task may wait for just that."""
    match change.old, change.new:
        case Task(placed=True), new:
            return not (isinstance(new, Task) and new.placed)
        case Service() as old, new:
            return new is None or (isinstance(new, Service) and new.endpoint != old.endpoint)
    return False


def _known(decision: Decision | None, note: Note) -> bool:
    if decision is None or not decision.notes:
        return False
    last = decision.notes[-1]
    return (last.text, last.until) == (note.text, note.until)


def _write_note(tx: Tx, service_id: str, note: Note) -> None:
    """Keep what was decided about a service, unless it is known or the service is gone."""
    service, decision = tx.view.services.get(service_id), tx.view.decisions.get(service_id)
    if service is not None and not _known(decision, note):
        tx.put(_with_note(decision or Decision(service_id), note))
        log.info("decided", service=service.name, note=note.text)


def _with_note(decision: Decision, note: Note) -> Decision:
    """The decision with a note more; one that only waits for another instant replaces the last."""
    before = decision.notes
    if before and before[-1].text == note.text:
        before = before[:-1]
    return replace(decision, notes=(*before, note)[-NOTES_KEPT:])


def apply(plan: Plan, tx: Tx) -> None:
    """Write a plan; new tasks get their IDs here."""
    if plan.service is not None:
        tx.put(plan.service)
    for task in plan.tasks:
        tx.put(replace(task, id=tx.new_id()) if is_new(task) else task)
    for task in plan.deleted:
        tx.delete(task)
    for former in plan.formers:
        tx.put(former)
    for former in plan.forgotten:
        tx.delete(former)
