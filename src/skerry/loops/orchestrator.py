"""The orchestrator: whatever changes marks services dirty; one pass of the core decides from a fresh view."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog
from msgspec.structs import replace

from skerry.core.plan import Plan, is_new
from skerry.core.reconcile import reconcile
from skerry.core.view import View
from skerry.model.objects import Cluster, Node, Service, Task
from skerry.store.store import Change, Commit, Store, Tx

log = structlog.get_logger()

RESYNC_S = 30.0
"""A lost wake-up costs at most so much."""


Decide = Callable[[View, str, int], Plan]
"""From a view, a service's ID and the instant to what is to be done about it."""


class Orchestrator:
    """Reconciles services one at a time; `notes` has the last decision about each, in words.

    `decide` is asked once a pass; `resync_s` None trusts every wake-up, as only a simulation does.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        decide: Decide = reconcile,
        resync_s: float | None = RESYNC_S,
    ) -> None:
        self.notes: dict[str, str] = {}
        self._store = store
        self._clock = clock
        self._decide = decide
        self._resync_s = resync_s
        self._dirty: dict[str, None] = {}  # a set in the order of marking: nobody waits for ever
        self._wake_at: dict[str, int] = {}

    async def run(self) -> None:
        """Reconcile for ever."""
        async with self._store.watch() as commits:
            self._mark_all()
            resync_at = self._next_resync()
            while True:
                while self._dirty:
                    service_id = next(iter(self._dirty))
                    del self._dirty[service_id]
                    await self._pass(service_id)
                    self._take(commits)
                await self._wait(commits, resync_at)
                if resync_at is not None and self._clock() >= resync_at:
                    self._mark_all()
                    resync_at = self._next_resync()

    def _next_resync(self) -> int | None:
        return None if self._resync_s is None else self._clock() + int(self._resync_s * 1e9)

    def _mark_all(self) -> None:
        view = self._store.view
        self._dirty |= dict.fromkeys((*view.services, *view.tasks_by_service))

    def _take(self, commits: asyncio.Queue[Commit]) -> None:
        while not commits.empty():
            self._mark(commits.get_nowait().changes)

    def _mark(self, changes: Iterable[Change]) -> None:
        for change in changes:
            match change.object:
                case Service(id=service_id) | Task(service_id=service_id):
                    self._dirty[service_id] = None
                case Node() | Cluster():
                    self._mark_all()

    async def _wait(self, commits: asyncio.Queue[Commit], resync_at: int | None) -> None:
        """Until something changes, or the next instant that a pass asked for."""
        known = [at for at in (resync_at, *self._wake_at.values()) if at is not None]
        left = max(0.0, (min(known) - self._clock()) / 1e9) if known else None
        try:
            async with asyncio.timeout(left):
                self._mark((await commits.get()).changes)
        except TimeoutError:
            pass
        now = self._clock()
        for service_id in [service_id for service_id, at in self._wake_at.items() if at <= now]:
            del self._wake_at[service_id]
            self._dirty[service_id] = None

    async def _pass(self, service_id: str) -> None:
        plan = await self._store.update(lambda tx: self._write(tx, service_id))
        self._wake_at.pop(service_id, None)
        if plan.wake_at is not None:
            self._wake_at[service_id] = plan.wake_at
        if plan.note and plan.note != self.notes.get(service_id):
            service = self._store.view.services.get(service_id)
            log.info("decided", service=service.name if service else service_id, note=plan.note)
        self.notes[service_id] = plan.note
        if service_id not in self._store.view.services:
            self.notes.pop(service_id, None)

    def _write(self, tx: Tx, service_id: str) -> Plan:
        plan = self._decide(tx.view, service_id, tx.now)
        apply(plan, tx)
        return plan


def apply(plan: Plan, tx: Tx) -> None:
    """Write a plan; new tasks get their IDs here."""
    if plan.service is not None:
        tx.put(plan.service)
    for task in plan.tasks:
        tx.put(replace(task, id=tx.new_id()) if is_new(task) else task)
    for task in plan.deleted:
        tx.delete(task)
