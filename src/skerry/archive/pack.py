"""Writes a backup: parts that lie in a folder, as one tar with the manifest before them."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from skerry.archive.manifest import ENTRY, Manifest, Part, encode

CHUNK = 1 << 20


def part_of(folder: Path, name: str, kind: Literal["state", "key", "images", "volume"]) -> Part:
    """The entry for a file of the folder, which is read for its hash."""
    with (folder / name).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Part(name, kind, file.tell(), digest)


def packed(manifest: Manifest, folder: Path) -> Iterator[bytes]:
    """The tar, in pieces."""
    content = encode(manifest)
    yield _head(ENTRY, len(content)) + content + _padding(len(content))
    for part in manifest.parts:
        yield _head(part.name, part.size)
        with (folder / part.name).open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece
        if padding := _padding(part.size):
            yield padding
    yield bytes(2 * tarfile.BLOCKSIZE)


def _head(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
