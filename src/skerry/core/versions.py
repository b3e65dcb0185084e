"""The versions of a config or secret: the contents that its name has had, as far as they are kept. Pure.

Each content is a row of its own, with an ID of its own, and never changes. One of them is shown: lists and
the name mean that one. The others are kept for as long as something that is kept uses them (`keeping`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from skerry.core.keeping import files_in, files_of_release
from skerry.core.view import View
from skerry.model.declare import Raw
from skerry.model.files import Config, File, KeptConfig, KeptFile
from skerry.model.objects import Service
from skerry.model.spec import Spec
from skerry.model.specs import ServiceSpec


@dataclass(frozen=True)
class Uses:
    """Who has a version: services now, and what is kept of before."""

    services: tuple[str, ...]
    revisions: tuple[tuple[str, int], ...]
    """Former ones, by the service's name and their number."""
    releases: tuple[tuple[str, int], ...]
    """By the stack and their number."""


def kind_of(file: File | KeptFile) -> str:
    """What it is called: `config` or `secret`."""
    return "config" if isinstance(file, Config | KeptConfig) else "secret"


def versions_of(view: View, kind: str, name: str) -> list[File | KeptFile]:
    """The versions of a name, the first one first."""
    rows: list[File | KeptFile] = [*view.files(kind).values(), *view.kept_files(kind).values()]
    named = (row for row in rows if row.name.lower() == name.lower())
    return sorted(named, key=lambda row: (row.number, row.created_at, row.id))


def is_former(view: View, kept: KeptFile) -> bool:
    """Whether what is only kept is a former version of what its name means, or what a service has: whatever
    else is kept, somebody removed."""
    shown = (row for row in versions_of(view, kind_of(kept), kept.name) if isinstance(row, File))
    return any(shown) or bool(users_of(view, {kept.id}))


def next_number(view: View, kind: str, name: str) -> int:
    """The number of a name's next version. What nobody has any more but tasks that are about to end is no
    version."""
    rows = versions_of(view, kind, name)
    return max((row.number for row in rows if isinstance(row, File) or _is_used(view, row)), default=0) + 1


def _is_used(view: View, file: KeptFile) -> bool:
    uses = uses_of(view, file.id)
    return bool(uses.services or uses.revisions or uses.releases)


def is_other(file: File | KeptFile, spec: Raw, data: bytes) -> bool:
    """Whether a spec brings another content: other data, or a template where there was none. One that brings
    no data only says what is to become of the labels."""
    return bool(data) and (data != file.data or (spec.get("Templating") or {}) != _templating(file))


def _templating(file: File | KeptFile) -> Raw:
    return file.spec.get("Templating") or {}


def same_before(view: View, file: File | KeptFile) -> int:
    """The number of an earlier version with the same content; 0 where there is none."""
    for row in versions_of(view, kind_of(file), file.name):
        if row.number < file.number and row.data == file.data:
            return row.number
    return 0


def users_of(view: View, keys: Collection[str]) -> list[Service]:
    """The services that have one of these configs or secrets now, by name."""
    services = (row for row in view.services.values() if _has(row.spec, keys))
    return sorted(services, key=lambda service: service.name)


def uses_of(view: View, key: str) -> Uses:
    """Who has a config or secret, and what goes back to it."""
    names = {service.id: service.name for service in view.services.values()}
    current = {(service.id, service.revision) for service in view.services.values()}
    revisions = (
        (names[row.service_id], row.number)
        for row in view.revisions.values()
        if (row.service_id, row.number) not in current and row.service_id in names and _has(row.spec, {key})
    )
    releases = ((row.stack, row.number) for row in view.releases.values() if key in files_of_release(row))
    services = (service.name for service in users_of(view, {key}))
    return Uses(tuple(services), tuple(sorted(revisions)), tuple(sorted(releases)))


def _has(spec: Spec[ServiceSpec], keys: Collection[str]) -> bool:
    return any(key in keys for key in files_in(spec.raw["TaskTemplate"]))


def referring(spec: Raw, kind: str, keys: Collection[str], to: str) -> Raw:
    """A service's spec that has a version `to` in the place of those of `keys`."""
    section, word = f"{kind.capitalize()}s", f"{kind.capitalize()}ID"
    template = spec["TaskTemplate"]
    container = template["ContainerSpec"]
    references = [
        {**reference, word: to} if reference.get(word) in keys else reference
        for reference in container.get(section) or []
    ]
    container = {**container, section: references}
    privileges = container.get("Privileges") or {}
    credentials = privileges.get("CredentialSpec") or {}
    if kind == "config" and credentials.get("Config") in keys:
        container["Privileges"] = {**privileges, "CredentialSpec": {**credentials, "Config": to}}
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": container}}
