"""A file that becomes a part of a backup. Its hash is made by the OpenSSL that comes with cryptography:
skerryd's hashlib has none (`skerry.lean.hashes`), and Python's own SHA-256 is some five times slower."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.hashes import SHA256, Hash

from skerry.archive.manifest import Part

CHUNK = 1 << 20


def part_of(folder: Path, name: str, kind: Literal["state", "key", "images", "volume"]) -> Part:
    """The entry for a file of the folder, which is read for its hash."""
    hashed = Hash(SHA256())
    with (folder / name).open("rb") as file:
        while piece := file.read(CHUNK):
            hashed.update(piece)
        return Part(name, kind, file.tell(), hashed.finalize().hex())
