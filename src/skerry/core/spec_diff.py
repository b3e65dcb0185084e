"""Two specs, field by field: what was and what is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from skerry.core.view import View
from skerry.model.declare import Raw
from skerry.model.specs import CONTENT

Field = tuple[str, Any, Any]
"""Path, old, new; None where there is, or was, no such field."""

_TEMPLATE = "TaskTemplate."
_BY_NAME = {"Configs": "ConfigName", "Secrets": "SecretName", "Networks": "Target", "Mounts": "Target"}
"""Lists whose entries have a name of their own, and where it stands."""
_FILES = {"Configs": "ConfigID", "Secrets": "SecretID"}
"""Lists whose entries have a name for all versions, and where it stands which one they mean."""


def names_in(view: View) -> Callable[[str], str]:
    """What an ID is called: by a network's name, or by the version of a config or secret; "" where it is
    unknown."""

    def name_of(key: str) -> str:
        network, file = view.networks.get(key), view.config(key) or view.secret(key)
        return network.name if network is not None else str(file.number) if file is not None else ""

    return name_of


def fields(old: Raw, new: Raw, name_of: Callable[[str], str] = str) -> list[Field]:
    """The fields in which two specs of a service differ, by their paths. `name_of` names a network, or the
    version of a config or secret, by its ID."""
    differing = _differences(_shown(old, name_of), _shown(new, name_of), "")
    return [
        (path.removeprefix(_TEMPLATE), before, after) for path, before, after in sorted(differing, key=_path)
    ]


def _path(field: Field) -> str:
    return field[0]


def _shown(spec: Raw, name_of: Callable[[str], str]) -> Raw:
    """A spec as a person reads it: networks by name, and the image with the content that it is pinned to."""
    template = dict(spec.get("TaskTemplate") or {})
    if template.get("Networks"):
        template["Networks"] = [
            {**entry, "Target": name_of(entry.get("Target", "")) or entry.get("Target", "")}
            for entry in template["Networks"]
        ]
    container = dict(template.get("ContainerSpec") or {})
    for section, key in _FILES.items():
        if container.get(section):
            container[section] = [_with_version(entry, key, name_of) for entry in container[section]]
    content = container.pop(CONTENT, "")
    if content:
        container["Image"] = f"{container.get('Image', '')} ({content})"
    return {**spec, "TaskTemplate": {**template, "ContainerSpec": container}}


def _with_version(reference: Raw, key: str, name_of: Callable[[str], str]) -> Raw:
    shown = {word: value for word, value in reference.items() if word != key}
    version = name_of(reference.get(key, ""))
    return {**shown, "Version": version} if version else shown


def _differences(old: Any, new: Any, path: str) -> Iterator[Field]:
    """The leaves that differ. A list of objects with names, or of `KEY=VALUE`, is compared entry by entry."""
    if old == new:
        return
    if isinstance(old, list | None) and isinstance(new, list | None):
        pairs = _entries(old or [], path), _entries(new or [], path)
        if None not in pairs:
            yield from _differences(pairs[0], pairs[1], path)
            return
    if isinstance(old, dict | None) and isinstance(new, dict | None) and (old or new):
        before, after = old or {}, new or {}
        for key in before.keys() | after.keys():
            step = key if key.startswith("[") or not path else f".{key}"
            yield from _differences(before.get(key), after.get(key), path + step)
        return
    yield path, old, new


def _entries(values: list[Any], path: str) -> Raw | None:
    """A list as a mapping, by what its entries are called; None where they have no names."""
    key = _BY_NAME.get(path.rpartition(".")[2])
    if key is not None and all(isinstance(value, dict) and key in value for value in values):
        entries = {f"[{value[key]}]": value for value in values}
    elif path.endswith(".Env") and all(isinstance(value, str) for value in values):
        entries = {f"[{value.partition('=')[0]}]": value.partition("=")[2] for value in values}
    else:
        return None
    return entries if len(entries) == len(values) else None
