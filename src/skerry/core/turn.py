"""A service's turn in the release of its stack: before that, it stays what it was."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from skerry.core.depends import Wait, dependencies, waits
from skerry.core.parts import part_of
from skerry.core.view import View
from skerry.model.objects import Service
from skerry.model.releases import ROLLED


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
    rolls = part is not None and part.action == ROLLED and part.stopped is None
    before = view.revision(service.id, part.before) if part is not None and rolls else None
    unmet = waits(view, service) if before is not None else ()
    if before is None or not unmet:
        return None
    former = replace(
        service,
        spec=before.spec,
        spec_version=before.spec_version,
        revision=before.number,
        registry_auth=before.registry_auth,
    )
    return HeldService(former, unmet)
