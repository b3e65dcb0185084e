"""The compose file that is released: six services in a chain, each with content of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from demo.settings import CHECKOUT
from skerry.model.objects import Raw

STACK = "atomic"
NAMES = ("db", "cache", "auth", "api", "web", "edge")
"""Each depends on the one before it."""
PORTS = {"db": 8101, "api": 8104, "edge": 8106}
APP = CHECKOUT / "proof" / "app.py"
HEALTH = "curl -sf http://127.0.0.1:8080/healthcheck || exit 1"


@dataclass(frozen=True)
class Content:
    """What a service has of its own: its number is in its image, environment, config and secret."""

    number: int
    replicas: int = 1


def image_of(name: str) -> str:
    """The tag of a service's image, which is moved from release to release."""
    return f"atomic-{name}:latest"


def compose(contents: Mapping[str, Content], networks: tuple[str, ...] = ()) -> Raw:
    """The file in which the services have these contents, one of them on more networks than the others."""
    services = {name: _service(name, content) for name, content in contents.items()}
    services["db"]["volumes"] = ["data:/data"]
    services["auth"]["networks"] = ["default", *networks]
    return {
        "name": STACK,
        "services": services,
        "configs": {
            "app": {"file": str(APP)},
            **{f"{name}-site": {"content": _text(name, "site", row)} for name, row in contents.items()},
        },
        "secrets": {f"{name}-key": {"environment": variable_of(name, row)} for name, row in contents.items()},
        "networks": {"default": {}, **{name: {} for name in networks}},
        "volumes": {"data": {}},
    }


def variable_of(name: str, content: Content) -> str:
    """The variable of the deploying shell in which the secret of a service is."""
    return f"{name.upper()}_KEY_{content.number}"


def variables(contents: Mapping[str, Content]) -> dict[str, str]:
    """All of them, with what is secret."""
    return {variable_of(name, content): _text(name, "key", content) for name, content in contents.items()}


def _text(name: str, what: str, content: Content) -> str:
    return f"{what} {content.number} of {name}"


def _service(name: str, content: Content) -> Raw:
    place = NAMES.index(name)
    service: Raw = {
        "image": image_of(name),
        "pull_policy": "never",
        "command": ["python3", "-S", "/app.py"],
        "environment": {"ENDING": "graceful", "NUMBER": str(content.number)},
        "configs": [
            {"source": "app", "target": "/app.py"},
            {"source": f"{name}-site", "target": "/site"},
        ],
        "secrets": [{"source": f"{name}-key", "target": "key"}],
        # what fails within the start period counts for nothing: it may be a slow machine
        "healthcheck": {"test": HEALTH, "interval": "300ms", "retries": 3, "start_period": "2m"},
        "deploy": {
            "replicas": content.replicas,
            "update_config": {"order": "start-first", "monitor": "5s"},
            "rollback_config": {"order": "start-first", "monitor": "200ms"},
            "restart_policy": {"delay": "100ms"},
        },
    }
    if place:
        service["depends_on"] = {NAMES[place - 1]: {"condition": "service_healthy"}}
    if name in PORTS:
        service["ports"] = [f"{PORTS[name]}:8080"]
    return service
