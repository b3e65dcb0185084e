"""What a disk was told, in order. Files are told by their names in one directory."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Written:
    """Bytes of a file."""

    file: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Cut:
    """A file's new size."""

    file: str
    size: int


@dataclass(frozen=True)
class Made:
    """A new empty file."""

    file: str


@dataclass(frozen=True)
class Removed:
    """A file's name is gone."""

    file: str


@dataclass(frozen=True)
class Renamed:
    """A file has another name; what had that is gone."""

    file: str
    to: str


@dataclass(frozen=True)
class Linked:
    """A file that is written no more has another name beside its own."""

    file: str
    to: str


@dataclass(frozen=True)
class Synced:
    """All of a file is on the disk, or all names of the directory, where it is ""."""

    file: str


Record = Written | Cut | Made | Removed | Renamed | Linked | Synced


def read(journal: Path) -> list[Record]:
    """All that was written down."""
    records: list[Record] = []
    with journal.open("rb") as file:
        while file.peek(1):
            records.append(pickle.load(file))
    return records
