"""Going back: which revision of a service, or release of a stack, was there before what is there now, and how
each ended. Pure.

Going back makes a new revision, or release, that knows whose content it has. So a second time goes further
back, and never returns to what the first one left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from skerry.core.draft import UNDER_WAY
from skerry.core.phase import DONE, phase_of
from skerry.core.spec_words import described, difference
from skerry.core.view import View
from skerry.model.objects import Revision, Service
from skerry.model.releases import (
    CONVERGED,
    PAUSED,
    ROLLING,
    SUPERSEDED,
    TAKEN_BACK,
    Outcome,
    Release,
)

OPEN = frozenset({ROLLING, PAUSED})
"""A revision that is so may yet end otherwise."""


def revision_before(view: View, service: Service) -> Revision | None:
    """The revision whose content a service had before its present one, if it is kept."""
    kept = {revision.number: revision for revision in view.revisions_of(service.id)}
    current = kept.get(_original(service.revision, kept))
    return kept.get(current.parent) if current is not None else None


def release_before(view: View, stack: str) -> Release | None:
    """The release whose content a stack had, in whole, before its present one, if it is kept."""
    kept = {release.number: release for release in view.releases_of(stack)}
    current = _original(standing_release(view, stack), kept)
    whole = [number for number, release in kept.items() if release.outcome.state == CONVERGED]
    return kept.get(max((number for number in whole if number < current), default=0))


def standing_release(view: View, stack: str) -> int:
    """The release whose content a stack has; 0 where it is not kept. One that was taken back left what was
    there before it, and those whose place it took."""
    number = 0
    for release in view.releases_of(stack):
        if release.outcome.state not in (TAKEN_BACK, SUPERSEDED):
            number = release.number
    return number


def _original(number: int, kept: Mapping[int, Revision] | Mapping[int, Release]) -> int:
    """Where the content came from, kept or not."""
    while number in kept and kept[number].restores:
        number = kept[number].restores
    return number


def change_of(view: View, revision: Revision) -> str:
    """What a revision changed, in a line."""
    words = f"rollback to {revision.restores}: " if revision.restores else ""
    before = view.revision(revision.service_id, revision.parent)
    if before is not None:
        return words + difference(before.spec, revision.spec)
    made = "created: " if not revision.parent else ""
    return words + made + described(revision.spec.typed)


def ended(view: View, service: Service, now: int) -> Iterator[Revision]:
    """The revisions of a service of which it can be told by now how they ended, with that."""
    for revision in view.revisions_of(service.id):
        if revision.outcome.state in OPEN:
            outcome = _outcome(view, service, revision)
            if outcome.state != revision.outcome.state:
                yield replace(revision, outcome=replace(outcome, ended_at=now))


def superseded(revision: Revision, number: int, now: int) -> Revision:
    """A revision whose place another one takes. One that was paused has ended so."""
    if revision.outcome.state != ROLLING:
        return revision
    return replace(revision, outcome=Outcome(SUPERSEDED, f"revision {number} took its place", ended_at=now))


def _outcome(view: View, service: Service, revision: Revision) -> Outcome:
    if revision.number == service.revision:
        return _of_current(view, service)
    if revision.number > service.revision:
        turned = service.update.turned if service.update is not None else ""
        return Outcome(TAKEN_BACK, turned or f"the service went back to revision {service.revision}")
    return superseded(revision, service.revision, 0).outcome


def _of_current(view: View, service: Service) -> Outcome:
    update = service.update
    if update is not None and "paused" in update.state:
        return Outcome(PAUSED, update.turned or update.message)
    if update is not None and update.state in UNDER_WAY:
        return Outcome(ROLLING)
    return Outcome(CONVERGED) if phase_of(view, service).word == DONE else Outcome(ROLLING)
