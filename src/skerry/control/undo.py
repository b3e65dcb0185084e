"""Going back to an earlier revision of a service, or to an earlier release of a stack."""

from __future__ import annotations

from dataclasses import dataclass

from skerry.control import access, services, stacks
from skerry.core import undo
from skerry.core.spec_diff import Field, fields, names_in
from skerry.core.view import View
from skerry.model.errors import NotFound
from skerry.model.objects import Revision, Service
from skerry.model.releases import Release
from skerry.store.store import Tx


@dataclass(frozen=True)
class Restored:
    """What going back comes to: the revision that the service has then, and what that changes."""

    service: Service
    to: int
    changed: bool
    fields: list[Field]
    warnings: list[str]


def find_release(view: View, stack: str, number: int | None) -> Release:
    """The release to go back to: without a number, the one that was there before. Raises NotFound."""
    if number is not None:
        return stacks.find(view, stack, number)
    stacks.services_of(view, stack)
    release = undo.release_before(view, stack)
    if release is None:
        raise NotFound(
            f"no release of the stack {stack} that is kept was whole before the present one; those that are "
            f"kept: skerry history {stack}"
        )
    return release


def find_revision(view: View, service: Service, number: int | None) -> Revision:
    """The same of a service."""
    revision = undo.revision_before(view, service) if number is None else view.revision(service.id, number)
    if revision is None and number is None:
        raise NotFound(f"no revision of {service.name} from before the present one is kept")
    if revision is None:
        kept = ", ".join(str(other.number) for other in view.revisions_of(service.id))
        raise NotFound(f"there is no revision {number} of {service.name}; kept are: {kept}")
    return revision


def roll_back(tx: Tx, ref: str, number: int | None, by: str) -> Restored:
    """Give a service the spec of an earlier revision, as an update like any other. What that needs has to be
    there; else it raises what an update would, and nothing is to be written."""
    access.require_swarm(tx.view)
    service = services.find(tx.view, ref)
    revision = find_revision(tx.view, service, number)
    if revision.spec == service.spec:
        return Restored(service, revision.number, False, [], [])
    changed = services.restore(tx, service, revision, by)
    differing = fields(service.spec.raw, changed.spec.raw, names_in(tx.view))
    warnings = [*services.left_stopped(changed), *services.warnings_of(changed.spec.typed)]
    return Restored(changed, revision.number, True, differing, warnings)
