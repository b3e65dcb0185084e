"""How a release goes, as a line whenever something changes, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
from aiohttp import web

from skerry.api.wire import stacks as wire
from skerry.core.phase import DONE, FAILED, READY, Phase, phase_of
from skerry.core.release import progress
from skerry.core.view import View
from skerry.model.objects import Raw
from skerry.model.releases import (
    REMOVED,
    ROLLING,
    TAKEN_BACK,
    TAKING_BACK,
    UNCHANGED,
    UNDER_WAY,
    Release,
    ReleasedService,
)
from skerry.store.store import Store

GATHERED_S = 0.1
"""Between two looks: more than so many lines a second nobody reads."""
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
        over = revision.outcome.state != ROLLING
        last = wire.last_line(revision.number, revision.outcome) if over else None
        return [(service.name, phase_of(view, service))], last

    return _lines(store, clock, look)


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
        back = phase.word == DONE and service.spec_version != part.spec_version
        return Phase(ROLLED_BACK, phase.ready, phase.wanted) if back else phase
    how_far = progress(view, part, now)
    if how_far.failure is not None:
        return Phase(FAILED, phase.ready, phase.wanted, how_far.failure.message)
    if phase.word == DONE and not how_far.done:
        return Phase(READY, phase.ready, phase.wanted, "watching it")
    return phase
