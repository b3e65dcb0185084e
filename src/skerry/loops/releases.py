"""The releases loop: what is under way is taken to its end, by the steps that the core decides."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from skerry.control import releases
from skerry.core.parts import stack_in
from skerry.core.release import ReleaseStep, advance
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.engine.tail import tail
from skerry.model.objects import Service, Task
from skerry.model.releases import Failure, Release
from skerry.store.store import Commit, Store, Tx

log = structlog.get_logger()

RESYNC_S = 30.0
GATHERED_S = 0.1
"""Between two looks at what is under way: a stack that starts writes hundreds of commits a second."""
LOG_LINES = 20
LOG_WITHIN_S = 5.0


class ReleasesLoop:
    """Takes the steps of releases. Nothing is kept but when to look again: what has to be done is in the
    rows."""

    def __init__(
        self, store: Store, engine: Engine, clock: Callable[[], int], resync_s: float = RESYNC_S
    ) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._resync_s = resync_s

    async def run(self) -> None:
        """Look at each release that is under way, whenever something of it changes."""
        async with self._store.watch(_concerns) as commits:
            while True:
                wakes = [await self._advance(release) for release in releases.under_way(self._store.view)]
                await self._wait(commits, min(wakes, default=math.inf))

    async def _wait(self, commits: asyncio.Queue[Commit], wake_at: float) -> None:
        """Until something changes that matters, or an instant has come."""
        left = (wake_at - self._clock()) / 1e9
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(left, self._resync_s))):
                await commits.get()
        await asyncio.sleep(GATHERED_S)
        while not commits.empty():
            commits.get_nowait()

    async def _advance(self, release: Release) -> float:
        """The next step, in one transaction; when to look again (ns)."""
        step = advance(self._store.view, release, self._clock())
        if step.empty:
            return math.inf if step.wake_at is None else step.wake_at
        failure = releases.failure_to_tell(release, step)
        lines = await self._last_lines(failure) if failure is not None else ()

        def write(tx: Tx) -> ReleaseStep:
            """Decide once more, on what is so by now."""
            now = tx.view.release_of(release.stack)
            if now is None or now.number != release.number or now.outcome != release.outcome:
                return ReleaseStep()
            current = advance(tx.view, now, tx.now)
            releases.write(tx, now, current, lines)
            return current

        written = await self._store.update(write)
        if written.outcome is not None:
            outcome = written.outcome
            log.info(
                "release", of=release.stack, number=release.number, is_now=outcome.state, why=outcome.reason
            )
        return 0

    async def _last_lines(self, failure: Failure) -> tuple[str, ...]:
        """What the task that failed said last; its container may be gone soon."""
        task = self._store.view.tasks.get(failure.task)
        if task is None or not task.status.container_id:
            return ()
        with suppress(EngineError, EngineUnreachable, TimeoutError):
            async with asyncio.timeout(LOG_WITHIN_S):
                return await tail(self._engine, task, LOG_LINES)
        return ()


def _concerns(commit: Commit) -> bool:
    """Whether a commit may be about a release that is under way."""
    changed = [change.object for change in commit.changes]
    if any(isinstance(obj, Release) for obj in changed):
        return True
    stacks = {release.stack for release in releases.under_way(commit.view)}
    return any(isinstance(obj, Service | Task) and stack_in(_labels(obj)) in stacks for obj in changed)


def _labels(obj: Service | Task) -> Mapping[str, str]:
    return obj.labels if isinstance(obj, Task) else obj.spec.typed.labels
