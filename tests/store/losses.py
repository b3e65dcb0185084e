"""What a disk may hold after the power went away: all that was made durable, and of the rest anything."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

from tests.store.journal import Cut, Linked, Made, Record, Removed, Renamed, Synced, Written

Disk = dict[str, bytes]
"""Files by their names."""

NAMES = (Made, Removed, Renamed, Linked)
"""What changes names, which are kept in order: file systems keep a journal of them."""


def losses(records: Sequence[Record], chance: random.Random) -> Iterator[Disk]:
    """Some of the ways in which all of these may have come to the disk, or not."""
    loose = sorted(_loose(records))
    yield applied(records)
    yield applied([record for number, record in enumerate(records) if number not in loose])
    written = [number for number in loose if isinstance(records[number], Written)]
    if written:
        yield applied(_torn(record, number == written[-1]) for number, record in enumerate(records))
        yield applied(record for number, record in enumerate(records) if number not in written[:-1])
    if len(loose) > 1:
        kept = {number for number in loose if chance.random() < 0.5}
        lost = (n for n in loose if n not in kept and isinstance(records[n], NAMES))
        first_lost = next(lost, len(records))
        kept -= {n for n in kept if n > first_lost and isinstance(records[n], NAMES)}
        yield applied(record for n, record in enumerate(records) if n not in loose or n in kept)


def _loose(records: Sequence[Record]) -> set[int]:
    """Which of them nothing has made durable: contents are by a sync of their file, names by one of the
    directory, or of the file that has the name."""
    loose: set[int] = set()
    for number, record in enumerate(records):
        if not isinstance(record, Synced):
            loose.add(number)
            continue
        names = [n for n in loose if isinstance(records[n], NAMES)]
        own = [n for n in names if record.file in _names(records[n])]
        upto = max(names if not record.file else own, default=-1)
        loose -= {n for n in names if n <= upto}
        loose -= {n for n in loose if _content(records[n]) == record.file}
    return loose


def _names(record: Record) -> tuple[str, ...]:
    return (record.file, record.to) if isinstance(record, Renamed | Linked) else (record.file,)


def _content(record: Record) -> str | None:
    return record.file if isinstance(record, Written | Cut) else None


def _torn(record: Record, last: bool) -> Record:
    """Of the last thing that was written, only the first half came there."""
    if last and isinstance(record, Written):
        return Written(record.file, record.offset, record.data[: len(record.data) // 2])
    return record


def applied(records: Iterable[Record]) -> Disk:
    """The files after all of these, in order."""
    disk: Disk = {}
    for record in records:
        match record:
            case Made(file):
                disk.setdefault(file, b"")
            case Written(file, offset, data):
                content = disk.get(file, b"").ljust(offset, b"\0")
                disk[file] = content[:offset] + data + content[offset + len(data) :]
            case Cut(file, size):
                disk[file] = disk.get(file, b"")[:size].ljust(size, b"\0")
            case Removed(file):
                disk.pop(file, None)
            case Renamed(file, to):
                if file in disk:
                    disk[to] = disk.pop(file)
            case Linked(file, to):
                if file in disk:
                    disk[to] = disk[file]
    return disk
