"""What a service was before, and how it gets back there.

A rollback goes to the parent of the current revision, so a second one goes further back and never returns to
what the first one left. Swarm's own `service rollback` toggles between two specs.
"""

from __future__ import annotations

from msgspec.structs import replace

from skerry.core.allocate import endpoint
from skerry.core.view import View
from skerry.model.objects import Revision, Service, UpdateStatus
from skerry.model.releases import Outcome
from skerry.model.spec import Spec
from skerry.model.specs import ServiceSpec


def previous(view: View, service: Service) -> Revision | None:
    """The revision that a rollback would go to."""
    current = view.revision(service.id, service.revision)
    return view.revision(service.id, current.parent) if current is not None and current.parent else None


def previous_spec(view: View, service: Service) -> Spec[ServiceSpec] | None:
    """Its spec: Docker's PreviousSpec."""
    revision = previous(view, service)
    return revision.spec if revision is not None else None


def revision_of(service: Service, parent: int, by: str = "", restores: int = 0) -> Revision:
    """The row that remembers a service's current spec, and who asked for it."""
    return Revision(
        id=f"{service.id}.{service.revision}",
        service_id=service.id,
        number=service.revision,
        spec=service.spec,
        spec_version=service.spec_version,
        parent=parent,
        registry_auth=service.registry_auth,
        by=by,
        restores=restores,
        outcome=Outcome(),
    )


def as_of(service: Service, revision: Revision) -> Service:
    """A service as it was by one of its revisions, its update aside."""
    return replace(
        service,
        spec=revision.spec,
        spec_version=revision.spec_version,
        revision=revision.number,
        registry_auth=revision.registry_auth,
    )


def restored(view: View, service: Service, revision: Revision, update: UpdateStatus | None) -> Service:
    """The service with a spec that it had; tasks of that revision are what it asks for again."""
    back = replace(as_of(service, revision), update=update, settles_at=0)
    return replace(back, endpoint=endpoint(view, back))
