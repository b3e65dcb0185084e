"""An image of a service: what it is, and how it gets to the nodes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skerry.cli.outgrow.normal import digest
from skerry.model.objects import Raw

CONTENT = (
    "Env",
    "Cmd",
    "Entrypoint",
    "WorkingDir",
    "User",
    "Labels",
    "Healthcheck",
    "ExposedPorts",
    "StopSignal",
)
"""What of an image's configuration is its content, and the same on every engine."""
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


@dataclass(frozen=True)
class Image:
    """What was found out about an image; `target` is its name in the services there."""

    name: str
    """As a service here says it."""
    target: str
    tag: str = ""
    """Without a digest: the name that it is saved, loaded and pushed by."""
    content: str = ""
    """Stands for what is in it; empty where a registry answers for that."""
    bytes: int = 0
    check: Raw | None = None
    """Its HEALTHCHECK."""
    lacking: tuple[str, ...] = ()
    """Names of nodes that it is to be loaded on."""
    push: bool = False
    """Whether the registry that the user named is to get it under `target`."""
    present: bool = False
    """Whether that registry has something under `target`."""
    conflicts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def without_digest(name: str) -> str:
    """`shop:1` of `shop:1@sha256:…`; empty for a name that has only a digest."""
    plain, _, digested = name.partition("@")
    return plain if not digested or ":" in plain.rpartition("/")[2] else ""


def content(home: Raw) -> str:
    """What stands for an image's content, from its inspection: the same on every engine that has it."""
    config = home.get("Config") or {}
    fields: dict[str, Any] = {name: config.get(name) or None for name in CONTENT}
    return digest([(home.get("RootFS") or {}).get("Layers"), fields])


def in_registry(registry: str, tag: str) -> str:
    """The name under a registry's: `reg:5000/team` and `shop/app:1` give `reg:5000/team/shop/app:1`."""
    first, slash, rest = tag.partition("/")
    of_registry = bool(slash) and (first == "localhost" or "." in first or ":" in first)
    return f"{registry.rstrip('/')}/{rest if of_registry else tag}"


def suits(home: Raw, machine: str) -> bool:
    """Whether a node with this architecture (`x86_64`) can run it."""
    architecture = home.get("Architecture") or ""
    return not architecture or not machine or ARCHITECTURES.get(machine, machine) == architecture
