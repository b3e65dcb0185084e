"""Which events pass a filter, as the engine's own stream decides it."""

from __future__ import annotations

from skerry.api.filters import Filters
from skerry.model.objects import Raw

_NAMED = ("daemon", "container", "plugin", "volume", "network", "node", "service", "secret", "config")
_WITH_ARGUMENT = ("health_status", "exec_create", "exec_start")
"""Actions that go on after a colon: asked for without one, they match by their beginning."""


def passes(event: Raw, filters: Filters) -> bool:
    """Whether an event passes."""
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    key, name = actor.get("ID", ""), attributes.get("name", "")
    return (
        _action(event.get("Action", ""), filters)
        and filters.exact("type", event.get("Type", ""))
        and filters.exact("scope", event.get("scope", "local"))
        and all(filters.prefix(kind, key, name) for kind in _NAMED)
        and _image(event, filters)
        and filters.labels("label", attributes)
    )


def _action(action: str, filters: Filters) -> bool:
    if filters.exact("event", action):
        return True
    return any(value in _WITH_ARGUMENT and action.startswith(value) for value in filters["event"])


def _image(event: Raw, filters: Filters) -> bool:
    if "image" not in filters:
        return True
    actor = event.get("Actor") or {}
    key = actor.get("ID", "")
    name = (actor.get("Attributes") or {}).get("name" if event.get("Type") == "image" else "image", "")
    return filters.exact("image", key, name, key.partition(":")[0], _untagged(name))


def _untagged(name: str) -> str:
    before, colon, tag = name.rpartition(":")
    return before if colon and "/" not in tag else name
