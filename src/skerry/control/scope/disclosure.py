"""What a role sees of an answer: of a list what is the stack's. What looks secret is hidden by `masking`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from skerry.control.scope.endpoint_access import Kind
from skerry.control.scope.masking import masked
from skerry.control.scope.role import Role
from skerry.control.scope.territory import Owned, is_named, is_own, may_join
from skerry.core.view import View
from skerry.model.event import Event
from skerry.model.labels import STACK
from skerry.model.objects import Network, Raw


def shown(role: Role, kind: Kind, value: Any, view: View) -> Any:
    """What a role sees of a JSON answer about objects of a kind."""
    if role.kind == "read":
        return masked(value)
    if role.kind != "deploy":
        return value
    if kind == "status":
        return _status(role, value, view)
    if kind == "subject":
        return {**value, "causes": _without_others(role, value["causes"], view)}
    if isinstance(value, list):
        return [_entry(role, kind, entry, view) for entry in value if is_shown(role, kind, entry, view)]
    return _entry(role, kind, value, view)


def is_shown(role: Role, kind: Kind, entry: Raw, view: View) -> bool:
    """Whether an entry of a list is the stack's, or a network that its services may join."""
    if kind in ("node", "release", "revision", "subject"):
        return True
    if kind == "stack":
        return bool(entry["Name"] == role.stack)
    obj = _object(kind, entry, view)
    if obj is None:
        return False
    if isinstance(obj, Network):
        return may_join(role, view, obj)
    return is_own(role, view, obj)


def _object(kind: Kind, entry: Raw, view: View) -> Owned | None:
    collections: dict[str, Any] = {
        "service": view.services,
        "task": view.tasks,
        "config": view.configs,
        "secret": view.secrets,
        "network": view.networks,
    }
    obj: Owned | None = collections.get(kind, {}).get(entry.get("ID") or entry.get("Id"))
    return obj


def _entry(role: Role, kind: Kind, entry: Raw, view: View) -> Raw:
    """An object as the role sees it: of a network of others, not who is on it."""
    network = view.networks.get(entry.get("Id", "")) if kind == "network" else None
    if network is None or is_own(role, view, network):
        return entry
    return {key: value for key, value in entry.items() if key not in ("Containers", "Services", "Peers")}


_OF_ALL = ("version", "engine_version", "swarm", "node")
"""What of the status is told to everybody."""


def _status(role: Role, status: Raw, view: View) -> Raw:
    own = {service.name for service in view.services.values() if is_own(role, view, service)}
    needs = [need for need in status["attention"] if need["of"] in own]
    return {
        **{key: status[key] for key in _OF_ALL if key in status},
        "services": [service for service in status["services"] if service["name"] in own],
        "stacks": [stack for stack in status["stacks"] if stack["name"] == role.stack],
        "problems": [text for text in status["problems"] if _about(text) in own],
        "now": [text for text in status["now"] if _about(text) in own],
        "attention": _without_others(role, needs, view),
        "warnings": [],
        "conditions": [],
    }


def _about(text: str) -> str:
    """The service that a sentence of the status begins with."""
    return text.partition(":")[0].removeprefix("service ")


_TOLD = ("sentence", "evidence", "advice")
"""Where a cause may speak of who has a port, or has reserved the memory."""


def _without_others(role: Role, rows: Iterable[Raw], view: View) -> list[Raw]:
    """Causes that name no service or task of another stack."""
    others = [service.name for service in view.services.values() if not is_own(role, view, service)]
    names = "|".join(re.escape(name) for name in sorted(others, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.-])(?:{names})(?:\.\S+)?(?![\w-])") if others else None

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(item) for item in value]
        return pattern.sub("another", value) if pattern is not None else value

    return [{key: told(value) if key in _TOLD else value for key, value in row.items()} for row in rows]


def shows_event(role: Role, event: Raw, view: View) -> bool:
    """Whether an event is about something of the stack's, which may be gone by now."""
    if role.kind != "deploy":
        return True
    attributes = (event.get("Actor") or {}).get("Attributes") or {}
    name = str(attributes.get("name", ""))
    match event.get("Type"):
        case "service" | "config" | "secret" | "network":
            return is_named(role, view, name)
        case "container":
            service = str(attributes.get("com.docker.swarm.service.name", ""))
            return attributes.get(STACK) == role.stack and is_named(role, view, service)
    return False


def sees(role: Role, view: View, obj: Owned) -> bool:
    """Whether a role sees an object, its logs and its name."""
    return role.kind != "deploy" or is_own(role, view, obj)


def shows_happening(role: Role, event: Event, view: View) -> bool:
    """Whether a role sees an event of the chronicle, whose subject may be gone by now."""
    if role.kind != "deploy":
        return True
    if event.service:
        return event.stack == role.stack and is_named(role, view, event.service)
    return is_named(role, view, event.subject)
