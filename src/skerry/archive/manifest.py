"""The first entry of a backup: what the others are, and how they are known to be whole."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from skerry.model.errors import SkerryError

FORMAT = 1
"""The format that this version writes; it reads this one and older ones."""
ENTRY = "manifest.json"
LONGEST = 64 * 1024 * 1024
"""No manifest is longer, in bytes."""

STATE, KEY, IMAGES = "state/skerry.db", "state/secret.key", "images.tar.gz"
"""The names of the parts of which there is one at most."""
VOLUME_ROOT = "v"
"""In a volume's tar everything lies below this folder, which is the volume's own."""


class BadArchive(SkerryError):
    """The file is no backup, or not whole; the text says what to do."""


class Part(Struct, frozen=True):
    """One entry behind the manifest, in order: so many bytes with this hash."""

    name: str
    kind: Literal["state", "key", "images", "volume"]
    size: int
    sha256: str


class VolumeEntry(Struct, frozen=True):
    """A volume: how it was made, and the part that has its content, or `why` there is none."""

    name: str
    driver: str = "local"
    options: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    stacks: list[str] = []
    part: str = ""
    why: str = ""


class Manifest(Struct, frozen=True):
    """What is in a backup. `made_at` is RFC 3339, `frozen_s` how long the writers stood still."""

    made_at: str
    version: str
    """Of the skerry that wrote it."""
    locked: bool = False
    """Whether it takes the swarm's unlock key, and no key file, to read what is secret."""
    stacks: list[str] = []
    services: int = 0
    images: list[str] = []
    volumes: list[VolumeEntry] = []
    frozen_s: float = 0.0
    parts: list[Part] = []
    format: int = FORMAT

    @property
    def has_key(self) -> bool:
        """Whether the key of what is secret is in it."""
        return any(part.kind == "key" for part in self.parts)


def encode(manifest: Manifest) -> bytes:
    """As the entry has it."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode(data: bytes) -> Manifest:
    """Raises BadArchive where it is another format's, or nothing of ours."""
    try:
        number = msgspec.json.decode(data, type=_Numbered).format
        if number > FORMAT:
            raise BadArchive(
                f"this backup was made by a newer skerry (format {number}; this one knows {FORMAT}): "
                "install that version"
            )
        return msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BadArchive(f"this is no backup of skerry: its {ENTRY} can't be read ({error})") from error


class _Numbered(Struct):
    format: int
