"""How much of the past is kept: revisions of a service, releases of a stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry.core.parts import stack_of
from skerry.model import labels
from skerry.model.objects import Revision, Service
from skerry.model.releases import UNDER_WAY
from skerry.store.store import Tx


def make_room(tx: Tx, service: Service, own_labels: Mapping[str, str]) -> list[Revision]:
    """Delete the oldest revisions of a service, so that a new one fits in; those that stay. The present one
    stays in any case, and so does the one to which a release that is under way would return."""
    rows = tx.view.revisions_of(service.id)
    needed = {service.revision, _way_back(tx, service)}
    surplus = rows[: max(0, len(rows) + 1 - labels.read_count(own_labels, labels.HISTORY_KEEP))]
    gone = {row.number for row in surplus} - needed
    for row in rows:
        if row.number in gone:
            tx.delete(row)
    return [row for row in rows if row.number not in gone]


def _way_back(tx: Tx, service: Service) -> int:
    release = tx.view.release_of(stack_of(service))
    if release is None or release.outcome.state not in UNDER_WAY:
        return 0
    return next((part.before for part in release.services if part.id == service.id), 0)


def trim_releases(tx: Tx, stack: str, services: Iterable[Service]) -> None:
    """Delete the oldest releases of a stack beyond as many as one of its services asks for."""
    keep = [labels.read_count(service.spec.typed.labels, labels.HISTORY_KEEP) for service in services]
    for old in tx.view.releases_of(stack)[: -max(keep, default=labels.read_count({}, labels.HISTORY_KEEP))]:
        tx.delete(old)
