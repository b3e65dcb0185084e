"""Writes a backup: parts that lie in a folder, as one tar with the manifest before them."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from skerry.archive.manifest import ENTRY, Manifest, encode

CHUNK = 1 << 20


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
