"""A small backup, made of nothing but files."""

from __future__ import annotations

import io
from pathlib import Path

from skerry.archive.manifest import Manifest, VolumeEntry
from skerry.archive.pack import packed
from skerry.archive.part import part_of

STATE = b"state" * 1000
VOLUME = bytes(range(256)) * 900


def folder_of_parts(folder: Path) -> Manifest:
    """Two parts in a folder, and their manifest."""
    (folder / "state").mkdir(parents=True)
    (folder / "volumes").mkdir()
    (folder / "state" / "skerry.db").write_bytes(STATE)
    (folder / "volumes" / "data.tar.gz").write_bytes(VOLUME)
    parts = [
        part_of(folder, "state/skerry.db", "state"),
        part_of(folder, "volumes/data.tar.gz", "volume"),
    ]
    volume = VolumeEntry("data", stacks=["shop"], part="volumes/data.tar.gz")
    return Manifest("2026-01-02T03:04:05Z", "0.1.0", stacks=["shop"], volumes=[volume], parts=parts)


def small_backup(folder: Path) -> bytes:
    """The whole file, not encrypted."""
    return b"".join(packed(folder_of_parts(folder), folder))


def as_file(data: bytes) -> io.BytesIO:
    """Something to read it from."""
    return io.BytesIO(data)
