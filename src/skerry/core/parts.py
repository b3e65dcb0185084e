"""Which part a service has in the release of its stack that is under way."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.core.view import View
from skerry.model import labels
from skerry.model.objects import Revision, Service
from skerry.model.releases import FAILED, ROLLING, TAKING_BACK, UNCHANGED, UNDER_WAY, ReleasedService

_IN_ORDER = frozenset({ROLLING, FAILED, TAKING_BACK})
"""What waits for its turn in a release that failed, and is not taken back, waits on."""


def stack_in(given: Mapping[str, str]) -> str:
    """The stack that the labels of an object name, or ""."""
    return given.get(labels.STACK, "")


def stack_of(service: Service) -> str:
    """The stack that a service belongs to, or ""."""
    return stack_in(service.spec.typed.labels)


def is_taken_back(view: View, service: Service) -> bool:
    """Whether the release under way, which has changed a service, is being taken back."""
    release = view.release_of(stack_of(service)) if view.releases else None
    taken_back = release is not None and release.outcome.state == TAKING_BACK
    return taken_back and part_of(view, service) is not None


def part_of(view: View, service: Service) -> ReleasedService | None:
    """What the release under way changes about a service; None where it changes nothing, or where somebody
    has changed the service since."""
    release = view.release_of(stack_of(service)) if view.releases else None
    if release is None or release.outcome.state not in _IN_ORDER:
        return None
    for part in release.services:
        if part.id == service.id:
            is_its = part.action != UNCHANGED and part.spec_version == service.spec_version
            return part if is_its else None
    return None


def before_release(view: View, service: Service) -> Revision | None:
    """What a service returns to if the release under way is taken back; None where it would not."""
    release = view.release_of(stack_of(service)) if view.releases else None
    if release is None or not release.atomic or release.outcome.state not in UNDER_WAY:
        return None
    part = part_of(view, service)
    return view.revision(service.id, part.before) if part is not None else None
