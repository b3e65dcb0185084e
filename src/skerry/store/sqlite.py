"""Commits in one SQLite file: a row for each object, its body the JSON of its fields.

The file is in WAL mode with synchronous=FULL, so a commit that returned outlives a crash of the machine.
Fields that are credentials are encrypted one by one (`SEALED`), with the key in the key file, or where the
swarm has an unlock key, with one that lies in the file itself, wrapped by that. Which of them it is follows
the swarm's row, in the same transaction: nothing is ever between two keys.
"""

from __future__ import annotations

import base64
import os
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from skerry.core.view import COLLECTION_OF, View
from skerry.model.errors import SkerryError
from skerry.model.identity import Identity
from skerry.model.objects import KIND_OF, KINDS, Cluster, Object, Raw, Revision, Secret, Service, Task
from skerry.store.crypt import WrongKey, load_key, new_key, seal, unseal
from skerry.store.lock import unwrap, wrap
from skerry.store.store import Change

FORMAT = 1
"""The format that this version writes; it reads this one and older ones."""

SEALED: dict[type[Object], tuple[str, ...]] = {
    Secret: ("data",),
    Cluster: ("ca_key", "worker_token", "manager_token", "unlock_key"),
    Service: ("registry_auth",),
    Revision: ("registry_auth",),
    Task: ("registry_auth",),
}
"""Fields that are on disk only encrypted."""
BYTES = ("data", "ca_key")
"""Those of them that are bytes; the others are text."""

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
"""
PROOF = b"skerry"


class StateError(SkerryError):
    """The state can't be read or written; the text says which file and what to do."""


@dataclass(frozen=True)
class Keys:
    """What the sealed fields are encrypted with: `data`, b"" while it is not known.

    `unlock` is the unlock key that wraps it, or empty where it is the content of the key file.
    """

    data: bytes
    unlock: str = ""


class SqlitePersistence:
    """`store.Persistence` in a file; its key is in `key_file`, unless the swarm has an unlock key."""

    def __init__(self, path: Path, key_file: Path) -> None:
        """Open or create the files (mode 0600). Raises StateError where they are not ours to use."""
        self._path = path
        self._key_file = key_file
        self._keys = Keys(b"")
        self._lock = threading.Lock()
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"the state in {path} can't be opened: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise StateError(
                f"the state in {path} can't be read: {error}. Restore it from a backup, or move the file "
                "away to start with an empty swarm."
            ) from error
        except SkerryError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        found = self._format()
        if found is not None and found > FORMAT:
            raise StateError(
                f"the state in {self._path} was written by a newer skerry (format {found}; this one knows "
                f"{FORMAT}): install that version, or restore a backup from before the upgrade"
            )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            for statement in TABLES.split(";"):
                self._db.execute(statement)
            proof = self._meta("proof")
            if self._meta("lock") is not None:
                with suppress(OSError):
                    self._drop_former()  # we were killed just then
                return
            self._keys = Keys(self._file_key())
            if proof is None:
                self._set_meta("format", FORMAT)
                self._set_meta("proof", seal(self._keys.data, PROOF, "proof"))
                return
        try:
            unseal(self._keys.data, proof, "proof")
        except WrongKey as error:
            raise StateError(
                f"the state in {self._path} was encrypted with another key: restore the secret.key that "
                "belongs to it"
            ) from error

    def _format(self) -> int | None:
        """The format of the file as it is, read before anything is changed."""
        if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
            return None
        return int(self._meta("format"))

    def _meta(self, name: str) -> Any:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]

    def _set_meta(self, name: str, value: int | bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    @property
    def locked(self) -> bool:
        """Whether it takes the unlock key to read what is sealed."""
        return not self._keys.data

    def unlock(self, key: str) -> None:
        """Open what is sealed. Raises WrongKey, and InvalidParameter where the text is no unlock key."""
        with self._lock:
            self._keys = Keys(unwrap(key, self._meta("lock")), key)

    @property
    def engine(self) -> Identity | None:
        """The engine that the swarm is on."""
        with self._lock:
            stored = self._meta("engine")
        return None if stored is None else msgspec.json.decode(stored, type=Identity)

    def remember_engine(self, identity: Identity) -> None:
        """Write down which engine the swarm is on; also while it is locked, as that is no secret."""
        with self._lock:
            try:
                self._set_meta("engine", msgspec.json.encode(identity))
            except sqlite3.Error as error:
                raise StateError(f"the state in {self._path} can't be written: {error}") from error

    def load(self) -> View:
        """Everything that was written; sealed fields are empty while it is locked.

        Raises StateError that names the row where one is damaged.
        """
        found: dict[str, dict[str, Object]] = {name: {} for name in COLLECTION_OF.values()}
        with self._lock:
            try:
                rows = self._db.execute("SELECT kind, id, body FROM objects ORDER BY kind, id").fetchall()
                index = self._meta("index") or 0
            except sqlite3.Error as error:
                raise StateError(f"the state in {self._path} can't be read: {error}") from error
        for kind, key, body in rows:
            obj = self._decode(kind, key, body)
            found[COLLECTION_OF[type(obj)]][key] = obj
        return View(index=index, **found)  # type: ignore[arg-type]

    def write(self, index: int, changes: tuple[Change, ...]) -> None:
        """Write a commit whole and durably, or raise StateError and leave the file as it was."""
        keys = self._keys_after(changes)
        rows = [
            (KIND_OF[type(one.new)], one.new.id, index, _encode(one.new, keys.data))
            for one in changes
            if one.new
        ]
        gone = [(KIND_OF[type(one.object)], one.object.id) for one in changes if one.new is None]
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                with self._db:
                    self._db.executemany("DELETE FROM objects WHERE kind = ? AND id = ?", gone)
                    if keys is not self._keys:
                        self._reseal(keys)
                    self._db.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", rows)
                    self._set_meta("index", index)
            except sqlite3.Error as error:
                raise StateError(f"the state in {self._path} can't be written: {error}") from error
            if keys is not self._keys:
                self._keys = keys
                self._sweep()

    def _keys_after(self, changes: Iterable[Change]) -> Keys:
        """The keys that a commit leaves: fresh ones where it changes the swarm's unlock key."""
        for change in changes:
            if isinstance(change.object, Cluster):
                unlock = change.new.unlock_key if isinstance(change.new, Cluster) else ""
                if self.locked and change.new is None:
                    return Keys(self._file_key())
                if not self.locked and unlock != self._keys.unlock:
                    return Keys(new_key(), unlock) if unlock else Keys(self._file_key())
        if self.locked:
            raise StateError(f"the state in {self._path} is locked: nothing can be written")
        return self._keys

    def _file_key(self) -> bytes:
        try:
            return load_key(self._key_file)
        except OSError as error:
            raise StateError(f"the key in {self._key_file} can't be read or made: {error}") from error

    def _reseal(self, keys: Keys) -> None:
        """Encrypt what is sealed with another key; what could not be opened is lost."""
        kinds = [KIND_OF[kind] for kind in SEALED]
        marks = ",".join("?" * len(kinds))
        found = self._db.execute(f"SELECT kind, id, body FROM objects WHERE kind IN ({marks})", kinds)
        for kind, key, body in found.fetchall():
            fresh = _encode(self._decode(kind, key, body), keys.data)
            self._db.execute("UPDATE objects SET body = ? WHERE kind = ? AND id = ?", (fresh, kind, key))
        self._set_meta("proof", seal(keys.data, PROOF, "proof"))
        self._db.execute("DELETE FROM meta WHERE name = 'lock'")
        if keys.unlock:
            self._set_meta("lock", wrap(keys.unlock, keys.data))
        if keys.unlock and not self._keys.unlock:
            self._set_meta("former", sha256(self._keys.data).digest())

    def _sweep(self) -> None:
        """Leave nothing of what the former key opens, nor that key; the commit is safe without this."""
        with suppress(sqlite3.Error, OSError):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if self._keys.unlock:
                self._drop_former()

    def _drop_former(self) -> None:
        """Remove the key file that the unlock key took the place of, and no other state's."""
        if self._key_file.exists() and sha256(self._key_file.read_bytes()).digest() == self._meta("former"):
            self._key_file.unlink()

    def close(self) -> None:
        """Let go of the file; the write-ahead log is folded in."""
        with self._lock:
            self._db.close()

    def _decode(self, kind: str, key: str, body: str) -> Object:
        if kind not in KINDS:
            raise StateError(f"the state in {self._path} has a row of an unknown kind: {kind} {key}")
        try:
            fields = msgspec.json.decode(body, type=dict[str, Any])
            for name in SEALED.get(KINDS[kind], ()):
                if self.locked:
                    fields[name] = ""
                elif value := fields.get(name):
                    plain = unseal(self._keys.data, base64.b64decode(value), _place(key, name))
                    fields[name] = base64.b64encode(plain).decode() if name in BYTES else plain.decode()
            return msgspec.convert(fields, KINDS[kind])
        except (msgspec.MsgspecError, WrongKey, ValueError) as error:
            raise StateError(
                f"the state in {self._path} has a damaged row: {kind} {key} ({error}). Restore a backup, or "
                "delete that one row with the sqlite3 command to go on without it."
            ) from error


def _encode(obj: Object, key: bytes) -> str:
    fields: Raw = msgspec.to_builtins(obj, builtin_types=(bytes,))
    for name in SEALED.get(type(obj), ()):
        if value := fields[name]:
            plain = value if isinstance(value, bytes) else value.encode()
            fields[name] = seal(key, plain, _place(obj.id, name))
    return msgspec.json.encode(fields).decode()


def _place(key: str, name: str) -> str:
    return f"{key}/{name}"
