"""What has to be held so that every revision and release that is kept can be had back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from skerry.core.view import View
from skerry.model.declare import Raw
from skerry.model.files import KeptFile
from skerry.model.releases import REMOVED, UNDER_WAY, Release
from skerry.model.specs import CONTENT
from skerry.model.states import TaskState


def files_needed(view: View) -> frozenset[str]:
    """The configs and secrets, by ID, that services have, can have back, or have tasks with."""
    templates = chain(_templates_kept(view), _templates_of_tasks(view))
    return frozenset(chain(_files_replaced(view), *map(files_in, templates)))


def files_of_release(release: Release) -> frozenset[str]:
    """The configs and secrets that the services of a release have."""
    return frozenset(chain.from_iterable(map(files_in, _templates_of(release))))


def files_needless(view: View) -> list[KeptFile]:
    """What is kept of configs and secrets, and nothing needs any more."""
    kept = _kept(view)
    if not kept:
        return []
    needed = files_needed(view)
    return [file for file in kept if file.id not in needed]


def files_to_show(view: View, spec: Raw) -> list[KeptFile]:
    """What a service's spec uses that is only kept."""
    if not view.kept_configs and not view.kept_secrets:
        return []
    used = sorted(set(files_in(_template(spec))))
    kept = (view.kept_configs.get(key) or view.kept_secrets.get(key) for key in used)
    return [file for file in kept if file is not None]


def images_needed(view: View) -> frozenset[str]:
    """The images that services have, or can have back: the IDs of those that only this node has, and the
    digests of the others. What a tag alone names is whatever it means when a task starts."""
    pinned = (_content_in(template) for template in _templates_kept(view))
    return frozenset(filter(None, pinned))


def _content_in(template: Raw) -> str:
    container = template.get("ContainerSpec") or {}
    return str(container.get(CONTENT) or container.get("Image", "").partition("@")[2])


def _kept(view: View) -> list[KeptFile]:
    return sorted((*view.kept_configs.values(), *view.kept_secrets.values()), key=lambda file: file.id)


def _templates_kept(view: View) -> Iterator[Raw]:
    """What the tasks of services are, were, and may be again."""
    for service in view.services.values():
        yield _template(service.spec.raw)
    for revision in view.revisions.values():
        yield _template(revision.spec.raw)
    yield from chain.from_iterable(map(_templates_of, view.releases.values()))


def _templates_of(release: Release) -> Iterator[Raw]:
    for part in release.services:
        if part.action != REMOVED:
            yield _template(part.spec)


def _files_replaced(view: View) -> Iterator[str]:
    """What is shown again where a release under way is taken back."""
    for release in view.releases.values():
        if release.outcome.state in UNDER_WAY:
            yield from (made.replaces for made in release.made if made.replaces)


def _templates_of_tasks(view: View) -> Iterator[Raw]:
    """What tasks are that are not over, whatever has become of their service."""
    for task in view.tasks.values():
        if task.status.state <= TaskState.RUNNING:
            yield task.spec.raw


def _template(spec: Raw) -> Raw:
    return spec.get("TaskTemplate") or {}


def files_in(template: Raw) -> Iterator[str]:
    """The configs and secrets, by ID, that a task's spec names."""
    container = template.get("ContainerSpec") or {}
    for kind in ("Config", "Secret"):
        for reference in container.get(f"{kind}s") or ():
            yield str(reference.get(f"{kind}ID", ""))
