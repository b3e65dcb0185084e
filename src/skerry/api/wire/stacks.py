"""Stacks, their services and their releases, as JSON."""

from __future__ import annotations

from skerry.api.wire.common import port
from skerry.core.parts import stack_of
from skerry.core.phase import DONE, STOPPED, Phase, phase_of
from skerry.core.phase import FAILED as PHASE_FAILED
from skerry.core.view import View
from skerry.model.objects import Raw, Service
from skerry.model.releases import CONVERGED, PAUSED, ROLLING, UNCHANGED, UNDER_WAY, Failure, Outcome, Release
from skerry.model.times import timestamp

PARTLY_STOPPED = "partly stopped"


def stack(view: View, name: str, services: list[Service]) -> Raw:
    """A stack in a line. Release 0: it was deployed call by call, or nothing of it was a release yet."""
    release = view.release_of(name)
    created = [service.created_at for service in services]
    updated = [service.updated_at for service in services]
    if release is not None:
        created, updated = [*created, release.created_at], [*updated, release.created_at]
    return {
        "Name": name,
        "Services": len(services),
        "Release": release.number if release is not None else 0,
        "State": _state(view, services, release),
        "Created": timestamp(min(created, default=0)),
        "Updated": timestamp(max(updated, default=0)),
    }


def _state(view: View, services: list[Service], release: Release | None) -> str:
    """How a stack is: as its last release ended, and where that converged, as its services are now."""
    words = {phase_of(view, service).word for service in services}
    under_way = release is not None and release.outcome.state in UNDER_WAY
    if words == {STOPPED} and not under_way:
        return STOPPED
    if release is not None and release.outcome.state != CONVERGED:
        return ROLLING if under_way else release.outcome.state
    if PHASE_FAILED in words:
        return PAUSED
    if words <= {DONE, STOPPED}:
        return CONVERGED if words <= {DONE} else PARTLY_STOPPED
    return ROLLING


def whole(view: View, name: str, services: list[Service]) -> Raw:
    """A stack with its services."""
    return {**stack(view, name, services), "Services": [_service(view, service) for service in services]}


def _service(view: View, service: Service) -> Raw:
    """A service of a stack as the API shows it: its state in a word, and in a note why it is in that."""
    phase = phase_of(view, service)
    decision = view.decisions.get(service.id)
    return {
        "ID": service.id,
        "Name": service.name,
        "Mode": service.spec.typed.mode.kind,
        "Ready": phase.ready,
        "Wanted": phase.wanted,
        "State": phase.word,
        "Note": phase.reason or (decision.notes[-1].text if decision is not None and decision.notes else ""),
        "Image": service.spec.typed.task_template.container_spec.image,
        "Ports": [port(entry) for entry in service.endpoint.ports],
        "Release": _changed_by(view, service),
    }


def _changed_by(view: View, service: Service) -> int:
    """The release that made a service what it is; 0 where none that is kept did."""
    for release in view.releases_of(stack_of(service)):
        for part in release.services:
            is_it = part.id == service.id and part.spec_version == service.spec_version
            if is_it and part.action != UNCHANGED:
                return release.number
    return 0


def named(services: list[Service]) -> Raw:
    """Services by their names."""
    return {"Services": [service.name for service in services]}


def release(row: Release, now: int, current: int) -> Raw:
    """A release in a line; `current` is the number of the one whose content the stack has."""
    return {
        "Number": row.number,
        "By": row.by,
        "Origin": row.origin,
        "At": timestamp(row.created_at),
        "Message": row.message,
        "Atomic": row.atomic,
        "Current": row.number == current,
        "Restores": row.restores,
        "Changes": _changes(row.plan),
        "Outcome": outcome(row.outcome, row.created_at, now),
    }


def whole_release(row: Release, now: int, current: int) -> Raw:
    """A release with its plan, the file that it was made from, and the specs of its services."""
    specs = [{"ID": part.id, "Action": part.action, "Spec": part.spec} for part in row.services]
    source = {"Text": row.text, "Origin": row.origin}
    return {**release(row, now, current), "Plan": row.plan, "Source": source, "Services": specs}


def outcome(result: Outcome, began: int, now: int) -> Raw:
    """How a release, or a revision, that began at an instant goes, or ended."""
    shown: Raw = {
        "State": result.state,
        "Reason": result.reason,
        "Seconds": round(((result.ended_at or now) - began) / 1e9, 3),
    }
    return {**shown, "Failed": failure(result.failed)} if result.failed is not None else shown


def failure(row: Failure) -> Raw:
    """The task by which a release failed."""
    return {"Service": row.service, "Task": row.task, "Message": row.message, "Log": list(row.log)}


def last_line(number: int, result: Outcome) -> Raw:
    """The end of a release's progress."""
    line: Raw = {"Release": number, "State": result.state, "Reason": result.reason}
    return {**line, "Failed": failure(result.failed)} if result.failed is not None else line


def line(at: int, service: str, phase: Phase) -> Raw:
    """A line of a release's progress."""
    return {
        "At": timestamp(at),
        "Service": service,
        "Phase": phase.word,
        "Ready": phase.ready,
        "Wanted": phase.wanted,
        "Reason": phase.reason,
    }


def _changes(plan: Raw) -> str:
    """What a release changed, in a few words: `web rolled, db new`."""
    rows = plan.get("Services", [])
    words = [f"{row['Name']} {row['Action']}" for row in rows if row["Action"] != UNCHANGED]
    for kind in ("Networks", "Configs", "Secrets"):
        word = kind.lower()[:-1]
        changed = (row for row in plan.get(kind, []) if row["Action"] != UNCHANGED)
        words += [f"{word} {row['Name']} {row['Action']}" for row in changed]
    return ", ".join(words)
