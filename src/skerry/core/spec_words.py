"""What a new spec of a service is, or changes, in a line for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skerry.model.objects import Raw
from skerry.model.spec import Spec
from skerry.model.specs import CONTENT, ContainerSpec, ServiceSpec

REBUILT = "image rebuilt"


def described(spec: ServiceSpec) -> str:
    """A spec that is the first of its service."""
    image = spec.task_template.container_spec.image.partition("@")[0]
    replicas = _replicas(spec)
    return f"image {image}" + (f", {replicas} replicas" if replicas is not None else "")


def difference(old: Spec[ServiceSpec], new: Spec[ServiceSpec]) -> str:
    """What changed: the image, the number of replicas, configs and secrets, or the names of what else did."""
    before, after = old.typed, new.typed
    words = []
    images = [spec.task_template.container_spec.image for spec in (before, after)]
    if images[0] != images[1]:
        words.append(f"image {images[0].partition('@')[0]} → {images[1].partition('@')[0]}")
    counts = [_replicas(spec) for spec in (before, after)]
    if counts[0] != counts[1]:
        words.append(f"replicas {counts[0]} → {counts[1]}")
    words += _files(*(spec.task_template.container_spec for spec in (before, after)))
    words += [key for key in sorted(_different(old.raw, new.raw)) if key not in ("TaskTemplate", "Mode")]
    if not words:
        words = sorted(_other_keys(old.raw, new.raw))
    return ", ".join(words) or "the same again"


def _files(old: ContainerSpec, new: ContainerSpec) -> Iterator[str]:
    """The configs and secrets that came, went, or are others under their names."""
    configs = ({one.config_name: one for one in spec.configs} for spec in (old, new))
    yield from (f"config {name}" for name in sorted(_different(*configs)))
    secrets = ({one.secret_name: one for one in spec.secrets} for spec in (old, new))
    yield from (f"secret {name}" for name in sorted(_different(*secrets)))


def _other_keys(old: Raw, new: Raw) -> set[str]:
    """The names of what differs in the task template, of a container's spec field by field."""
    before, after = (spec.get("TaskTemplate") or {} for spec in (old, new))
    keys: set[str] = set()
    for key in _different(before, after):
        old_value, new_value = before.get(key), after.get(key)
        both = isinstance(old_value, dict) and isinstance(new_value, dict)
        keys |= _different(old_value or {}, new_value or {}) if both else {key}
    return {REBUILT if key == CONTENT else key for key in keys}


def _different(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}


def _replicas(spec: ServiceSpec) -> int | None:
    return spec.mode.replicated.replicas if spec.mode.replicated is not None else None
