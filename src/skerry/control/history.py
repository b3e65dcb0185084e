"""How much of the past is kept: revisions of a service, releases of a stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skerry.core import undo
from skerry.core.parts import before_release
from skerry.model import labels
from skerry.model.defaults import HISTORY_MOST
from skerry.model.objects import Revision, Service
from skerry.model.releases import Release
from skerry.store.store import Tx


def make_room(tx: Tx, service: Service, own_labels: Mapping[str, str]) -> tuple[Revision, ...]:
    """Delete the oldest revisions of a service, so that a new one fits in; those that stay. The new one may
    be taken back, and others after it: then the service is what it is now, and can go back to what it was
    before, however many failed."""
    keep = labels.read_count(own_labels, labels.HISTORY_KEEP)
    _trim(tx, service, keep - 1, _origin(tx, service))
    return tx.view.revisions_of(service.id)


def trim(tx: Tx, service: Service, most: int = HISTORY_MOST) -> list[Revision]:
    """Delete the oldest revisions of a service beyond as many as it asks for, and beyond `most`; these. What
    the present one came from stays where there is room for two, however many came between and failed."""
    keep = min(most, labels.read_count(service.spec.typed.labels, labels.HISTORY_KEEP))
    return _trim(tx, service, keep, _origin(tx, service) if keep > 1 else ())


def _origin(tx: Tx, service: Service) -> tuple[int, ...]:
    current = tx.view.revision(service.id, service.revision)
    return (current.parent,) if current is not None else ()


def _trim(tx: Tx, service: Service, limit: int, needed: Iterable[int] = ()) -> list[Revision]:
    """The present one stays in any case, and so do the one to which a release that is under way would return,
    and those that are needed."""
    rows = tx.view.revisions_of(service.id)
    before = before_release(tx.view, service)
    stay = {service.revision, before.number if before is not None else 0, *needed}
    others = [row for row in rows if row.number not in stay]
    gone = others[: max(0, len(rows) - limit)]
    for row in gone:
        tx.delete(row)
    return gone


def trim_releases(tx: Tx, stack: str, services: Iterable[Service], most: int = HISTORY_MOST) -> list[Release]:
    """Delete the oldest releases of a stack beyond as many as one of its services asks for, and beyond
    `most`; these. What is there now stays in any case, however many came after it and were taken back."""
    wishes = [labels.read_count(service.spec.typed.labels, labels.HISTORY_KEEP) for service in services]
    keep = min(most, max(wishes, default=labels.read_count({}, labels.HISTORY_KEEP)))
    before = undo.release_before(tx.view, stack)
    needed = {undo.standing_release(tx.view, stack), before.number if before is not None else 0}
    gone = [old for old in tx.view.releases_of(stack)[:-keep] if old.number not in needed]
    for old in gone:
        tx.delete(old)
    return gone
