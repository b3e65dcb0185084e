"""What a role sees of an answer: of a list what is the stack's, of variables no value that looks secret."""

from __future__ import annotations

import re
from typing import Any

from skerry.control.scope.endpoint_access import Kind
from skerry.control.scope.role import Role
from skerry.control.scope.territory import Owned, is_named, is_own, may_join
from skerry.core.view import View
from skerry.model.labels import STACK
from skerry.model.objects import Network, Raw

HIDDEN = "********"
_SECRET_NAME = re.compile(
    r"pass|pwd|secret|token|key|cred|auth|private|salt|cookie|session|signature|dsn|webhook|license",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN|^eyJ[\w-]+\.|^(gh[opsu]_|glpat-|xox[a-z]-|sk-|AKIA)|password=",
    re.IGNORECASE,
)
_VARIABLES = ("Env", "EnvVars", "env")


def shown(role: Role, kind: Kind, value: Any, view: View) -> Any:
    """What a role sees of a JSON answer about objects of a kind."""
    if role.kind == "read":
        return masked(value)
    if role.kind != "deploy":
        return value
    if kind == "status":
        return _status(role, value, view)
    if isinstance(value, list):
        return [_entry(role, kind, entry, view) for entry in value if is_shown(role, kind, entry, view)]
    return _entry(role, kind, value, view)


def is_shown(role: Role, kind: Kind, entry: Raw, view: View) -> bool:
    """Whether an entry of a list is the stack's, or a network that its services may join."""
    if kind == "node":
        return True
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


def _status(role: Role, status: Raw, view: View) -> Raw:
    own = {service.name for service in view.services.values() if is_own(role, view, service)}
    problems = [text for text in status["problems"] if text.partition(":")[0].removeprefix("service ") in own]
    services = [service for service in status["services"] if service["name"] in own]
    return {**status, "services": services, "problems": problems, "warnings": [], "conditions": []}


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


def masked(value: Any) -> Any:
    """JSON without the values of variables that look secret, wherever they stand."""
    if isinstance(value, list):
        return [masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: [masked_variable(str(line)) for line in item]
        if key in _VARIABLES and isinstance(item, list)
        else masked(item)
        for key, item in value.items()
    }


def masked_variable(line: str) -> str:
    """`NAME=value`, or `NAME=********` where either looks like a secret."""
    name, sign, value = line.partition("=")
    secret = _SECRET_NAME.search(name) or _SECRET_VALUE.search(value)
    return f"{name}={HIDDEN}" if sign and value and secret else line
