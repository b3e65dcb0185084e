"""The files of the state: what may be begun with, and whether those in use are still those at their paths.

SQLite writes on in a file that somebody removed or replaced, and whoever was answered would find nothing of
it after a restart.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path

from skerry.store.crypt import sync_directory
from skerry.store.errors import StateError

Mark = tuple[int, int, int, int]
"""Device, inode, size and last change of a file."""

RESTORE = "restore the database from a backup"


def check_before_opening(path: Path, key_file: Path) -> bool:
    """Whether there is a database; False where skerry begins for the first time.

    Raises StateError where there must have been one: an empty swarm in its place would cut every port, and
    leave its containers to themselves. SQLite itself would take an empty file for a new database, and remove
    the write-ahead log beside it.
    """
    if path.is_dir():
        raise StateError(f"the state in {path} can't be opened: it is a directory; {RESTORE}")
    size = _size(path)
    if size:
        return True
    missing = "is missing" if size is None else "is empty"
    anew = [str(file) for file in (path, key_file, _beside(path, "-wal")) if os.path.lexists(file)]
    if not anew:
        return False
    raise StateError(
        f"the state in {path} {missing}, though there was a swarm: {' and '.join(anew)} "
        f"{'is' if len(anew) == 1 else 'are'} there. Please {RESTORE}. To begin anew with an empty swarm on "
        f"purpose, remove {' and '.join(anew)}."
    )


def check_key(path: Path, key_file: Path) -> None:
    """Raises StateError where the key that a database was written with is not there."""
    if not key_file.exists():
        raise StateError(
            f"{key_file} is missing, the key of what is secret in {path}. Please restore it from a backup: "
            f"without it, the secrets can't be read. To begin anew with an empty swarm, remove {path}."
        )


class Files:
    """The database and its write-ahead log, as they were after our own last operation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = _beside(path, "-wal")
        self._marks: dict[Path, Mark | None] = {}

    def note(self) -> None:
        """They are as we left them."""
        self._marks = {file: _mark(file) for file in (self._path, self._wal)}

    def displaced(self) -> str:
        """Which of them is not at its path any more, in words, or ""."""
        for file, mark in self._marks.items():
            now = _mark(file)  # one look: it may be removed at this moment
            if mark is not None and (words := _displaced(mark, now)):
                return f"{file} {words}"
            if file == self._path and (now is None or not now[2]):
                return f"{file} {'was removed' if now is None else 'was emptied'}"
        return ""

    def touched(self) -> bool:
        """Whether somebody else wrote into one of them; it may have been a program that knows how to."""
        return any(mark is not None and _mark(file) != mark for file, mark in self._marks.items())

    def set_aside(self) -> str:
        """Keep what somebody put in the place, in files beside it; the database's name there, or ""."""
        aside, free = "", place_aside(self._path)
        for file, mark in self._marks.items():
            now = _mark(file)
            if now is None or not now[2] or now == mark:
                continue
            place = free if file == self._path else _beside(free, "-wal")
            if mark is not None and now[:2] == mark[:2]:
                shutil.copyfile(file, place)  # our own file, with something else in it
            else:
                file.rename(place)
            place.chmod(0o600)
            aside = aside or str(place)
        return aside

    def draft(self) -> Path:
        """A path for a fresh database, beside the place where it belongs."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")

    def put(self, draft: Path) -> None:
        """Move a whole database into the place; what lies there is of a former one."""
        for suffix in ("-wal", "-shm"):
            _beside(self._path, suffix).unlink(missing_ok=True)
        draft.chmod(0o600)
        draft.rename(self._path)
        sync_directory(self._path.parent)


def _displaced(before: Mark, now: Mark | None) -> str:
    if now is None:
        return "was removed"
    if before[:2] != now[:2]:
        return "was replaced by another file"
    return ""


def _mark(file: Path) -> Mark | None:
    try:
        stat = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _size(file: Path) -> int | None:
    mark = _mark(file)
    return None if mark is None else mark[2]


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def place_aside(path: Path) -> Path:
    """A free path beside a file, to keep what was put in its place: with the time in its name."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    number, place = 1, _beside(path, f".{stamp}")
    while os.path.lexists(place):
        number += 1
        place = _beside(path, f".{stamp}.{number}")
    return place
