"""What of a service who may deploy one stack may ask for: nothing that reaches the machine or other stacks.

`spec_fields` says which fields there may be at all. The rules here are about their values, and about what
they refer to: images, networks, volumes, configs and secrets. Each gives the reasons why not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from skerry.control.scope.image_patterns import allowed
from skerry.control.scope.object_rules import wrong_fields, wrong_labels, wrong_name
from skerry.control.scope.role import Role
from skerry.control.scope.territory import find, is_named, is_own, may_join
from skerry.core.depends import dependencies_in, whole_name
from skerry.core.view import View
from skerry.model.errors import InvalidParameter
from skerry.model.files import File, KeptFile
from skerry.model.labels import DEPENDS_ON
from skerry.model.objects import Network, Raw
from skerry.model.specs import CONTENT

MOUNTS = ("volume", "tmpfs")
LOG_DRIVERS = ("json-file", "local", "journald", "none")
LOG_OPTIONS = ("max-size", "max-file", "compress", "mode", "max-buffer-size", "tag", "labels", "env")
"""Other drivers and options make the engine connect to addresses and open files of the user's choice."""
TEMPLATE = "{{"
Content = Callable[[str], File | KeptFile | None]
"""A config or secret by its ID, shown or only kept."""


@dataclass(frozen=True)
class EngineKnows:
    """What the engine says of the things that a service names and no row of the swarm is about."""

    images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By a digest that the spec asks for: how the image is called that the engine has under it."""
    volumes: Mapping[str, str] = field(default_factory=dict)
    """By name, of volumes that there are: the stack or project that they bear as a label, or ""."""


@dataclass(frozen=True)
class Beside:
    """What the body of a whole stack makes beside a service, by name. It is held against its own rules; and
    a service of such a body may name a config or secret without an ID."""

    networks: frozenset[str] = frozenset()
    configs: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()


def without_content(spec: Raw) -> Raw:
    """A stored spec as clients see it."""
    template = spec.get("TaskTemplate", {})
    container = {key: value for key, value in template.get("ContainerSpec", {}).items() if key != CONTENT}
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": container}}


def wrong_service(
    role: Role, view: View, spec: Raw, known: EngineKnows, beside: Beside | None = None
) -> Iterator[str]:
    """A service that is to be made or changed to this; `beside` is None where it comes alone."""
    template = spec.get("TaskTemplate", {})
    container = template.get("ContainerSpec", {})
    yield from wrong_fields(spec, "swarm.ServiceSpec")
    yield from wrong_name(role, view, str(spec.get("Name", "")))
    yield from wrong_labels(role, spec.get("Labels", {}), required=True)
    yield from wrong_labels(role, container.get("Labels", {}), required=False)
    yield from _wrong_dependencies(role, view, spec.get("Labels", {}))
    yield from _wrong_image(role, str(container.get("Image", "")), known)
    yield from _wrong_rights(container)
    yield from _wrong_log_driver(template.get("LogDriver", {}))
    for mount in container.get("Mounts", []):
        yield from _wrong_mount(role, view, mount, known)
    for attached in (*template.get("Networks", []), *spec.get("Networks", [])):
        target = str(attached.get("Target", ""))
        if beside is None or target not in beside.networks:
            yield from _wrong_attachment(role, view, target)
    yield from _wrong_files(role, view, container, beside)


def _wrong_dependencies(role: Role, view: View, labels: Mapping[str, str]) -> Iterator[str]:
    """A service that it would wait for, and so learn of, in another stack: of `shop`, `eu_web` would be the
    service `web` of `shop_eu`."""
    for dependency in dependencies_in(labels.get(DEPENDS_ON, "")):
        name = whole_name(role.stack, dependency)
        if not is_named(role, view, name):
            yield f"the service {name}, which it depends on, is not of the stack {role.stack}"


def _wrong_image(role: Role, image: str, known: EngineKnows) -> Iterator[str]:
    """An image by another name than those that may run. A digest is what an image is; the name before it is
    only where to look: so what the engine has under it has to bear such a name too."""
    if not allowed(image, role.images):
        yield f'the image "{image}" is none of {", ".join(role.images)}'
    names = known.images.get(image.partition("@")[2])
    if names is not None and not any(allowed(name, role.images) for name in names):
        yield f'the image "{image}" is known here by other names only: {", ".join(names) or "none"}'


def _wrong_rights(container: Raw) -> Iterator[str]:
    privileges = container.get("Privileges", {})
    for part, key in (("Seccomp", "Seccomp"), ("AppArmor", "AppArmor")):
        mode = str(privileges.get(key, {}).get("Mode", "default"))
        if mode not in ("", "default"):
            yield f"{part} would be {mode}"
    if container.get("Isolation", "default") not in ("", "default"):
        yield f"the isolation would be {container['Isolation']}"
    for name in container.get("Sysctls", {}):
        if not name.startswith("net."):
            yield f"the setting {name} is of the kernel's"


def _wrong_log_driver(driver: Raw) -> Iterator[str]:
    name = str(driver.get("Name", ""))
    if name and name not in LOG_DRIVERS:
        yield f"the log driver {name} is none of {', '.join(LOG_DRIVERS)}"
    for option in driver.get("Options", {}):
        if option not in LOG_OPTIONS:
            yield f"the log option {option} is not for the stack's users to set"


def _wrong_mount(role: Role, view: View, mount: Raw, known: EngineKnows) -> Iterator[str]:
    kind, source = str(mount.get("Type", "")).lower() or "bind", str(mount.get("Source", ""))
    labels = mount.get("VolumeOptions", {}).get("Labels", {})
    if kind not in MOUNTS:
        yield f"a mount of the type {kind} ({source})"
    elif TEMPLATE in f"{source}{mount.get('Target', '')}{labels}":
        yield f"the mount {source} is a template"
    elif source and not is_named(role, view, source):
        yield f"the volume {source} is not of the stack {role.stack}"
    elif known.volumes.get(source, "") not in ("", role.stack):
        yield f"the volume {source} was made by {known.volumes[source]}"
    yield from wrong_labels(role, labels, required=False)


def _wrong_attachment(role: Role, view: View, target: str) -> Iterator[str]:
    try:
        network = find(view, "network", target)
    except InvalidParameter:
        network = None  # it may be one of others
    if not isinstance(network, Network) or not may_join(role, view, network):
        yield f"the network {target} is not of the stack {role.stack}, nor one that it may join"


def _wrong_files(role: Role, view: View, container: Raw, beside: Beside | None) -> Iterator[str]:
    made = beside or Beside()
    kinds: tuple[tuple[str, frozenset[str], Mapping[str, File], Content], ...] = (
        ("Secret", made.secrets, view.secrets, view.secret),
        ("Config", made.configs, view.configs, view.config),
    )
    for kind, names, files, by_id in kinds:
        for entry in container.get(f"{kind}s", []):
            key, name = str(entry.get(f"{kind}ID", "")), str(entry.get(f"{kind}Name", ""))
            if beside is not None and not key and name in names:
                continue
            file = by_id(key) if key or beside is None else _called(files, name)
            if file is None or not is_own(role, view, file):
                yield f"the {kind.lower()} {name or key} is not of the stack {role.stack}"


def _called(files: Mapping[str, File], name: str) -> File | None:
    return next((file for file in files.values() if file.name == name), None)
