"""A service's turn: before that, it stays what it was.

Its turn is in the release of its stack, after those that it waits for; or, where a config of it has another
content and the rest of a deployment may still come, a moment later.
"""

from __future__ import annotations

from dataclasses import dataclass

from skerry.core import revisions
from skerry.core.depends import Wait, dependencies, waits
from skerry.core.parts import part_of
from skerry.core.view import View
from skerry.model.objects import Service
from skerry.model.releases import ROLLED, ReleasedService


@dataclass(frozen=True)
class HeldService:
    """A service as it was before the release that rolls it, and what its turn waits for."""

    service: Service
    waits: tuple[Wait, ...]


def held(view: View, service: Service) -> HeldService | None:
    """What a service is until its turn has come; None where it has, or none is waited for.

    With its first task of the release it has an update, which tells from then on that its turn has come. A
    job needs none of this: its run waits before its tasks start.
    """
    if service.is_job or service.update is not None or not dependencies(service):
        return None
    part = part_of(view, service)
    rolls = part is not None and _is_rolled(view, service, part)
    before = view.revision(service.id, part.before) if part is not None and rolls else None
    unmet = waits(view, service) if before is not None else ()
    if before is None or not unmet:
        return None
    return HeldService(revisions.as_of(service, before), unmet)


def _is_rolled(view: View, service: Service, part: ReleasedService) -> bool:
    """Whether a release replaces tasks of a service. One that was stopped has none, but for those that
    another release has made, whose place this one took."""
    stale = (task.live and task.spec_version != service.spec_version for task in view.tasks_of(service.id))
    return part.action == ROLLED and (part.stopped is None or any(stale))


def unsettled(view: View, service: Service, now: int) -> Service | None:
    """What a service is while the rest of its deployment may still come; None where it need not be waited
    for."""
    if service.is_job or service.settles_at <= now:
        return None
    before = revisions.previous(view, service)
    return revisions.as_of(service, before) if before is not None else None
