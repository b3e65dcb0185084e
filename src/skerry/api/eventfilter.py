"""Which events pass a filter, as the engine's own stream decides it."""

from __future__ import annotations

from skerry.api import filters
from skerry.api.filters import Filters
from skerry.model.objects import Raw

_NAMED = ("daemon", "container", "plugin", "volume", "network", "node", "service", "secret", "config")
_WITH_ARGUMENT = ("health_status", "exec_create", "exec_start")
"""Actions that go on after a colon: asked for without one, they match by their beginning."""


def wanted(event: Raw, asked: Filters) -> bool:
    """Whether an event passes."""
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    key, name = actor.get("ID", ""), attributes.get("name", "")
    return (
        _action(event.get("Action", ""), asked)
        and filters.exact(asked, "type", event.get("Type", ""))
        and filters.exact(asked, "scope", event.get("scope", "local"))
        and all(filters.prefix(asked, kind, key, name) for kind in _NAMED)
        and _image(event, asked)
        and filters.labels(asked, "label", attributes)
    )


def _action(action: str, asked: Filters) -> bool:
    if filters.exact(asked, "event", action):
        return True
    return any(value in _WITH_ARGUMENT and action.startswith(value) for value in asked["event"])


def _image(event: Raw, asked: Filters) -> bool:
    if "image" not in asked:
        return True
    actor = event.get("Actor") or {}
    key = actor.get("ID", "")
    name = (actor.get("Attributes") or {}).get("name" if event.get("Type") == "image" else "image", "")
    return filters.exact(asked, "image", key, name, key.partition(":")[0], _untagged(name))


def _untagged(name: str) -> str:
    before, colon, tag = name.rpartition(":")
    return before if colon and "/" not in tag else name
