"""One SQLite file and the connection to it: durable, watched, and replaced whole where it has to be."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skerry.store.errors import DisplacedError, StateError
from skerry.store.state_files import RESTORE, Files

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
"""

ADVICE = {
    "SQLITE_FULL": "free some space on its file system",
    "SQLITE_READONLY": "make its file system writable again",
    "SQLITE_IOERR": "look at its disk",
    "SQLITE_CANTOPEN": "look at its disk and at the rights of its directory",
    "SQLITE_BUSY": "end the other program that has it open",
}
ADVICE_OF_KERNEL = {
    errno.ENOSPC: ADVICE["SQLITE_FULL"],
    errno.EDQUOT: ADVICE["SQLITE_FULL"],
    errno.EROFS: ADVICE["SQLITE_READONLY"],
    errno.EIO: ADVICE["SQLITE_IOERR"],
}
DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

Meta = dict[str, int | bytes]
Row = tuple[str, str, int, str]
"""Kind, ID, version, body."""


class DamagedError(sqlite3.DatabaseError):
    """SQLite's own check has found something."""


class Database:
    """The tables `meta` and `objects`. One user at a time: who shares it between threads, locks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = Files(path)
        self._connection: sqlite3.Connection | None = None
        self._damage = ""
        self.failed = False
        """The last write was not possible."""

    def open(self) -> None:
        """Connect to the file at the path. Nothing of it is changed before `make_durable`."""
        self._connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=10
        )

    def make_durable(self) -> None:
        """From now on, what was committed outlives a crash of the machine."""
        self.execute("PRAGMA journal_mode=WAL")
        self.execute("PRAGMA synchronous=FULL")
        self._files.note()

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("it is not open")
        return self._connection

    def execute(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._open.execute(statement, tuple(values))

    def executemany(self, statement: str, rows: Iterable[Iterable[Any]]) -> None:
        """Run one statement for each row."""
        self._open.executemany(statement, [tuple(row) for row in rows])

    def meta(self, name: str) -> Any:
        """One fact about the whole, or None."""
        row = self.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def set_meta(self, name: str, value: int | bytes) -> None:
        """Write such a fact."""
        self.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    @property
    def has_tables(self) -> bool:
        """Whether it was ever used."""
        return self.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is not None

    @contextmanager
    def reading(self) -> Iterator[None]:
        """SQLite's errors as StateError."""
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(f"the state in {self.path} can't be read: {why(error, RESTORE)}") from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing. Raises StateError, or DisplacedError where `replace` is needed first."""
        try:
            if words := self.displaced:
                raise DisplacedError(words)
            if self.touched:
                raise DisplacedError(f"{self.path} was changed by another program")
            try:
                self.execute("BEGIN IMMEDIATE")
                with self._open:
                    yield
            finally:
                self._files.note()
        except (OSError, sqlite3.Error) as error:
            self.failed = True
            if is_damage(error):
                self._damage = f"{self.path} was damaged"
                raise DisplacedError(f"{self._damage}: {error}") from error
            raise StateError(
                f"the state in {self.path} can't be written: {why(error)}. Nothing was changed."
            ) from error
        self.failed = False

    @property
    def displaced(self) -> str:
        """Why what is written now is not what the next start reads, in words, or ""."""
        return self._damage or self._files.displaced()

    @property
    def touched(self) -> bool:
        """Whether somebody else wrote into the files, well or badly; `reads` tells which."""
        return self._files.touched()

    def holds(self, kind: str) -> bool:
        """Whether the next start reads an object of a kind; False where it reads nothing."""
        try:
            db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        except sqlite3.Error:
            return False
        try:
            return db.execute("SELECT 1 FROM objects WHERE kind = ?", (kind,)).fetchone() is not None
        except sqlite3.Error:
            return False
        finally:
            db.close()

    def reads(self) -> list[tuple[str, str, str]]:
        """What the next start reads: kind, ID and body of each row. Raises sqlite3.Error."""
        db = sqlite3.connect(self.path, isolation_level=None)
        try:
            problem = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if problem != "ok":  # in a page that no row of ours is on, yet
                raise DamagedError(problem)
            return db.execute("SELECT kind, id, body FROM objects").fetchall()
        finally:
            db.close()

    def copy_to(self, path: Path) -> None:
        """Write what is committed into a fresh file, which needs no log beside it."""
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        copy = sqlite3.connect(path, isolation_level=None)
        try:
            self._open.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()

    def accept(self) -> None:
        """What somebody else wrote is well."""
        self._files.note()

    def replace(self, meta: Meta, rows: Iterable[Row]) -> str:
        """Put a whole fresh database into the place, from one moment to the next, and open it; where what lay
        there and was not ours is kept, or "". It is written to the end before the former one is touched."""
        draft = self._files.draft()
        try:
            _write(draft, meta, rows)
            aside = self._files.set_aside()
            self.close()  # now: SQLite removes the log that it finds at the path then
            self._files.put(draft)
        finally:
            draft.unlink(missing_ok=True)
        self.open()
        self.make_durable()
        self._damage = ""
        return aside

    def compact(self) -> None:
        """Leave nothing of what was deleted or overwritten in the files."""
        self.execute("VACUUM")
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._files.note()

    def close(self) -> None:
        """Let go of the file; the write-ahead log is folded in."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _write(draft: Path, meta: Meta, rows: Iterable[Row]) -> None:
    """A finished database, on the disk."""
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL, 0o600))
    db = sqlite3.connect(draft, isolation_level=None)
    try:
        db.execute("BEGIN IMMEDIATE")
        with db:
            for statement in TABLES.split(";"):
                db.execute(statement)
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            db.executemany("INSERT INTO objects VALUES (?, ?, ?, ?)", rows)
    finally:
        db.close()


def is_damage(error: Exception) -> bool:
    """Whether what is in the file is lost, or the file could not be opened again after a `replace`."""
    name = getattr(error, "sqlite_errorname", "")
    return isinstance(error, sqlite3.ProgrammingError | DamagedError) or name.startswith(DAMAGE)


def why(error: Exception, otherwise: str = "") -> str:
    """The error's words, and what to do about it: where nothing better is known, `otherwise`."""
    name = getattr(error, "sqlite_errorname", "")
    advice = next((words for prefix, words in ADVICE.items() if name.startswith(prefix)), otherwise)
    if isinstance(error, OSError) and error.errno is not None:
        advice = ADVICE_OF_KERNEL.get(error.errno, otherwise)
    return f"{error}; {advice}" if advice else str(error)
