"""How a release goes, as a line whenever something changes, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

from skerry.api.wire import stacks as wire
from skerry.core.phase import DONE, FAILED, READY, Phase, phase_of
from skerry.core.release import progress
from skerry.core.view import View
from skerry.model.objects import Raw
from skerry.model.releases import (
    REMOVED,
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


async def lines(store: Store, clock: Callable[[], int], release_id: str) -> AsyncIterator[Raw]:
    """The lines of a release, first those that say how it stands now; the last one tells its end."""
    shown: dict[str, Phase] = {}
    async with store.watch() as commits:
        while True:
            view = store.view
            release = view.releases.get(release_id)
            if release is None:
                return
            now = clock()
            for part, phase in _phases(view, release, now):
                if shown.get(part.name) != phase:
                    shown[part.name] = phase
                    yield wire.line(now, part.name, phase)
            if release.outcome.state not in UNDER_WAY:
                yield wire.last_line(release.number, release.outcome)
                return
            await commits.get()
            await asyncio.sleep(GATHERED_S)
            while not commits.empty():
                commits.get_nowait()


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
