"""Configs and secrets, each a frozen value: named content that services use."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import astuple

from skerry.model.declare import Raw


class _Payload(Struct, frozen=True):
    """What configs and secrets have in common; `data` is the content."""

    id: str
    name: str
    spec: Raw
    """The spec without Data."""
    data: bytes
    version: int = 0
    created_at: int = 0
    updated_at: int = 0
    number: int = 1
    """Which version of its name it is."""
    by: str = ""
    """Who made it, where that is known."""

    @property
    def templating(self) -> str:
        """The driver that fills it, where it is a template; or ""."""
        return str((self.spec.get("Templating") or {}).get("Name", ""))


class Config(_Payload, frozen=True):
    """A config."""


class Secret(_Payload, frozen=True):
    """A secret, whose content the store encrypts before it is written."""


class KeptConfig(_Payload, frozen=True):
    """A config that was removed, or whose name another one has by now, and that something that is kept uses.
    No list shows it, and its name is not taken."""


class KeptSecret(_Payload, frozen=True):
    """The same of a secret."""


File = Config | Secret
KeptFile = KeptConfig | KeptSecret


def kept_of(file: File) -> KeptFile:
    """The row that holds the content of a config or secret once it is out of sight."""
    return (KeptConfig if isinstance(file, Config) else KeptSecret)(*astuple(file))


def shown_of(file: KeptFile) -> File:
    """The config or secret that a kept row was, under its ID."""
    return (Config if isinstance(file, KeptConfig) else Secret)(*astuple(file))
