"""A file system that writes down what it is told, in order: what a machine without power may have kept of it.

python -m tests.store.recording_disk SOURCE TARGET JOURNAL
"""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.store.failing_disk import SETATTR, TRANSFER, Body, FailingDisk, mount, served
from tests.store.journal import Cut, Linked, Made, Record, Removed, Renamed, Synced, Written

TRUNCATES = 8
"""The bit of a change of attributes."""


class RecordingDisk(FailingDisk):
    """One directory, without others below it. Files are told by their names."""

    def __init__(self, source: Path, journal: Path) -> None:
        super().__init__(source, source / "no control")
        self._journal = journal.open("ab", buffering=0)
        self._operations[30] = self._sync_directory

    def _note(self, record: Record) -> None:
        self._journal.write(pickle.dumps(record))

    def _name(self, node: int, name: bytes = b"") -> str:
        return (self._child(node, name.rstrip(b"\0")) if name else self._paths[node]).name

    def _write(self, node: int, body: Body) -> bytes:
        _, offset, size, *_ = TRANSFER.unpack_from(body)
        self._note(Written(self._name(node), offset, body[TRANSFER.size : TRANSFER.size + size]))
        return super()._write(node, body)

    def _setattr(self, node: int, body: Body) -> bytes:
        valid, _, _, size, *_ = SETATTR.unpack_from(body)
        if valid & TRUNCATES:
            self._note(Cut(self._name(node), size))
        return super()._setattr(node, body)

    def _create(self, node: int, body: Body) -> bytes:
        self._note(Made(self._name(node, body[16:])))
        return super()._create(node, body)

    def _unlink(self, node: int, body: Body) -> bytes:
        self._note(Removed(self._name(node, body)))
        return super()._unlink(node, body)

    def _rename(self, node: int, body: Body, skip: int = 8) -> bytes:
        before, after, *_ = body[skip:].split(b"\0")
        self._note(Renamed(self._name(node, before), self._name(node, after)))
        return super()._rename(node, body, skip)

    def _link(self, node: int, body: Body) -> bytes:
        (former,) = struct.unpack_from("=Q", body)
        self._note(Linked(self._paths[former].name, self._name(node, body[8:])))
        return super()._link(node, body)

    def _fsync(self, node: int, body: Body) -> bytes:
        self._note(Synced(self._name(node)))
        return super()._fsync(node, body)

    def _sync_directory(self, node: int, body: Body) -> bytes:
        self._note(Synced(""))
        return b""


@contextmanager
def recording_disk(folder: Path, target: Path) -> Iterator[Path]:
    """One mounted at `target`; its journal."""
    source, journal = folder / "source", folder / "journal"
    source.mkdir(parents=True)
    target.mkdir(parents=True)
    with served("tests.store.recording_disk", source, target, journal):
        yield journal


def main(source: str, target: str, journal: str) -> None:
    """Mount it, and serve until it is unmounted."""
    RecordingDisk(Path(source), Path(journal)).serve(mount(target))


if __name__ == "__main__":
    main(*sys.argv[1:])
