"""Revisions of services, as JSON."""

from __future__ import annotations

from skerry.api.wire import stacks
from skerry.control.undo import Restored
from skerry.core.undo import change_of
from skerry.core.view import View
from skerry.model.objects import Raw, Revision, Service
from skerry.model.times import timestamp


def revision(view: View, service: Service, row: Revision, now: int) -> Raw:
    """A revision in a line, as a release is told."""
    return {
        "Number": row.number,
        "By": row.by,
        "At": timestamp(row.created_at),
        "Current": row.number == service.revision,
        "Restores": row.restores,
        "Changes": change_of(view, row),
        "Outcome": stacks.outcome(row.outcome, row.created_at, now),
    }


def restored(row: Restored) -> Raw:
    """What going back to a revision did, or would do."""
    differing = [{"Path": path, "Old": was, "New": now} for path, was, now in row.fields]
    return {
        "Service": row.service.name,
        "Revision": row.service.revision,
        "To": row.to,
        "Changed": row.changed,
        "Fields": differing,
        "Warnings": row.warnings,
    }
