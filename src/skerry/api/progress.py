"""How a release goes, as a line whenever something changes, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress

import msgspec
from aiohttp import web

from skerry.api.wire import stacks as wire
from skerry.core.phase import DONE, FAILED, READY, STOPPED, Phase, phase_of
from skerry.core.release import failure_of, progress
from skerry.core.view import View
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw, Service
from skerry.model.releases import (
    REMOVED,
    ROLLING,
    SUPERSEDED,
    TAKEN_BACK,
    TAKING_BACK,
    UNCHANGED,
    UNDER_WAY,
    Outcome,
    Release,
    ReleasedService,
)
from skerry.store.store import Store

GATHERED_S = 0.1
"""Between two looks: more than so many lines a second nobody reads."""
LOOK_S = 1.0
ROLLED_BACK = "rolled back"


Look = Callable[[View, int], tuple[list[tuple[str, Phase]], Raw | None] | None]
"""What there is to see at an instant: what goes on with each service, by name, and the last line where it is
over. None where it is no longer kept."""


def lines(store: Store, clock: Callable[[], int], release_id: str) -> AsyncIterator[Raw]:
    """The lines of a release, first those that say how it stands now; the last one tells its end."""

    def look(view: View, now: int) -> tuple[list[tuple[str, Phase]], Raw | None] | None:
        release = view.releases.get(release_id)
        if release is None:
            return None
        over = release.outcome.state not in UNDER_WAY
        phases = [(part.name, phase) for part, phase in _phases(view, release, now)]
        return phases, wire.last_line(release.number, release.outcome) if over else None

    return _lines(store, clock, look)


def lines_of_service(store: Store, clock: Callable[[], int], revision_id: str) -> AsyncIterator[Raw]:
    """The same of one revision of a service."""

    def look(view: View, now: int) -> tuple[list[tuple[str, Phase]], Raw | None] | None:
        revision = view.revisions.get(revision_id)
        service = view.services.get(revision.service_id) if revision is not None else None
        if revision is None or service is None:
            return None
        over, outcome = revision.outcome.state != ROLLING, revision.outcome
        if service.stopped is not None:
            over, outcome = True, Outcome(STOPPED)
        last = wire.last_line(revision.number, outcome) if over else None
        return [(service.name, phase_of(view, service))], last

    return _lines(store, clock, look)


def lines_of(
    what: str, store: Store, clock: Callable[[], int], services: Iterable[Service]
) -> AsyncIterator[Raw]:
    """How the stop or the start of services goes. Raises InvalidParameter for any other word."""
    kinds = {"stop": lines_of_stop, "start": lines_of_start}
    if what not in kinds:
        raise InvalidParameter(f"invalid value for of: {what[:40]}: stop or start is meant")
    return kinds[what](store, clock, services)


def lines_of_stop(store: Store, clock: Callable[[], int], services: Iterable[Service]) -> AsyncIterator[Raw]:
    """How services stop, until nothing of them runs; what is removed meanwhile is waited for no more."""
    keys = [service.id for service in services]

    def look(view: View, now: int) -> tuple[list[tuple[str, Phase]], Raw | None] | None:
        present = _present(view, keys)
        phases = [(service.name, phase_of(view, service)) for service in present]
        if again := [service.name for service in present if service.stopped is None]:
            return phases, wire.last_line(0, Outcome(SUPERSEDED, f"{again[0]} was started again"))
        over = all(phase.word == STOPPED for _, phase in phases)
        return phases, wire.last_line(0, Outcome(DONE)) if over else None

    return _lines(store, clock, look)


def lines_of_start(store: Store, clock: Callable[[], int], services: Iterable[Service]) -> AsyncIterator[Raw]:
    """How services start, until each has what it asks for, or one has failed by its own rules."""
    keys = [service.id for service in services]

    def look(view: View, now: int) -> tuple[list[tuple[str, Phase]], Raw | None] | None:
        present = _present(view, keys)
        phases = [(service.name, phase_of(view, service)) for service in present]
        if again := [service.name for service in present if service.stopped is not None]:
            return phases, wire.last_line(0, Outcome(SUPERSEDED, f"{again[0]} was stopped again"))
        if failure := next(filter(None, (failure_of(view, service, now) for service in present)), None):
            words = f"{failure.service}: {failure.message}"
            return phases, wire.last_line(0, Outcome(FAILED, words, failure))
        over = all(phase.word == DONE for _, phase in phases)
        return phases, wire.last_line(0, Outcome(DONE)) if over else None

    return _lines(store, clock, look)


def _present(view: View, keys: Iterable[str]) -> list[Service]:
    return [view.services[key] for key in keys if key in view.services]


async def _lines(store: Store, clock: Callable[[], int], look: Look) -> AsyncIterator[Raw]:
    shown: dict[str, Phase] = {}
    async with store.watch() as commits:
        while True:
            now = clock()
            seen = look(store.view, now)
            if seen is None:
                return
            phases, last = seen
            for name, phase in phases:
                if shown.get(name) != phase:
                    shown[name] = phase
                    yield wire.line(now, name, phase)
            if last is not None:
                yield last
                return
            with suppress(TimeoutError):  # a deadline passes without a commit
                async with asyncio.timeout(LOOK_S):
                    await commits.get()
            await asyncio.sleep(GATHERED_S)
            while not commits.empty():
                commits.get_nowait()


async def streamed(request: web.Request, rows: AsyncIterator[Raw]) -> web.StreamResponse:
    """The answer that has them, each as a line of JSON as it comes."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    async for row in rows:
        await response.write(msgspec.json.encode(row) + b"\n")
    return response


def _phases(view: View, release: Release, now: int) -> Iterator[tuple[ReleasedService, Phase]]:
    """What goes on with each service that a release has changed."""
    for part in release.services:
        if part.action not in (UNCHANGED, REMOVED):
            yield part, _phase(view, release, part, now)


def _phase(view: View, release: Release, part: ReleasedService, now: int) -> Phase:
    """How far one service is. While a release is taken back, what has its former spec again counts as back;
    one whose tasks run is done only once the release has watched it for long enough."""
    service = view.services.get(part.id)
    if service is None:
        return Phase(ROLLED_BACK, 0, 0)
    phase = phase_of(view, service)
    if release.outcome.state in (TAKING_BACK, TAKEN_BACK):
        back = phase.word == STOPPED or (phase.word == DONE and service.spec_version != part.spec_version)
        return Phase(ROLLED_BACK, phase.ready, phase.wanted) if back else phase
    how_far = progress(view, part, now)
    if how_far.failure is not None:
        return Phase(FAILED, phase.ready, phase.wanted, how_far.failure.message)
    if phase.word == DONE and not how_far.done:
        return Phase(READY, phase.ready, phase.wanted, "watching it")
    return phase
