"""Commits in one SQLite file: a row for each object, its body the JSON of its fields.

The file is in WAL mode with synchronous=FULL, so a commit that returned outlives a crash of the machine.
Fields that are credentials are encrypted one by one (`rows.SEALED`), with the key in the key file, or where
the swarm has an unlock key, with one that lies in the file itself, wrapped by that. Which of them it is
follows the swarm's row, in the same transaction: nothing is ever between two keys.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from skerry.core.view import COLLECTION_OF, View
from skerry.model.errors import SkerryError
from skerry.model.identity import Identity
from skerry.model.objects import KIND_OF, KINDS, Cluster, Object
from skerry.store.crypt import WrongKey, load_key, new_key, seal, unseal, write_key
from skerry.store.database import Database, Meta, Row, is_damage, why
from skerry.store.errors import StateCame, StateError
from skerry.store.lock import unwrap, wrap
from skerry.store.rows import SEALED, Specs, decode, encode
from skerry.store.state_files import RESTORE, check_before_opening, check_key, place_aside
from skerry.store.store import Change

FORMAT = 2
"""The format that this version writes; it reads this one and older ones. Format 2 has rows of releases and
of what is kept for them, which a version that knows format 1 would take for damage."""

PROOF = b"skerry"


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
        self._db = Database(path)
        try:
            if check_before_opening(path, key_file):
                self._db.open()
            else:
                self._db.replace({"format": FORMAT}, ())
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"the state in {path} can't be opened: {why(error)}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            anew = f"{RESTORE}, or move it and {key_file} away to begin anew with an empty swarm"
            raise StateError(f"the state in {path} can't be read: {why(error, anew)}") from error
        except SkerryError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        """Check that the file is ours to use (format, key), make it durable, and get its key ready."""
        self._format = number = int(self._db.meta("format")) if self._db.has_tables else FORMAT
        if number > FORMAT:
            raise StateError(
                f"the state in {self._path} was written by a newer skerry (format {number}; this one knows "
                f"{FORMAT}): install that version, or restore a backup from before the upgrade"
            )
        proof, wrapped = self._db.meta("proof"), self._db.meta("lock")
        self._engine = self._db.meta("engine")
        if proof is not None and wrapped is None:
            check_key(self._path, self._key_file)
        self._db.make_durable()
        if wrapped is not None:
            with suppress(OSError):
                self._drop_former()  # we were killed just then
            return
        self._keys = Keys(self._file_key())
        if proof is None:
            # The first start. The key is made after the database: a key without one tells of a loss.
            with self._db.transaction():
                self._db.set_meta("proof", seal(self._keys.data, PROOF, "proof"))
        elif not self._opens(proof):
            raise StateError(
                f"the state in {self._path} was encrypted with another key: restore the secret.key that "
                "belongs to it"
            )

    def _opens(self, proof: bytes) -> bool:
        try:
            unseal(self._keys.data, proof, "proof")
        except WrongKey:
            return False
        return True

    @property
    def locked(self) -> bool:
        """Whether it takes the unlock key to read what is sealed."""
        return not self._keys.data

    def unlock(self, key: str) -> None:
        """Open what is sealed. Raises WrongKey, and InvalidParameter where the text is no unlock key."""
        with self._lock, self._db.reading():
            self._keys = Keys(unwrap(key, self._db.meta("lock")), key)

    @property
    def engine(self) -> Identity | None:
        """The engine that the swarm is on."""
        return None if self._engine is None else msgspec.json.decode(self._engine, type=Identity)

    @property
    def needs_key_file(self) -> bool:
        """Whether a key file opens what is sealed, and no unlock key."""
        return bool(self._keys.data) and not self._keys.unlock

    def remember_engine(self, identity: Identity) -> None:
        """Write down which engine the swarm is on; also while it is locked, as that is no secret."""
        self._engine = msgspec.json.encode(identity)
        with self._lock, self._db.transaction():
            self._db.set_meta("engine", self._engine)

    def load(self) -> View:
        """Everything that was written; sealed fields are empty while it is locked.

        Raises StateError that names the row where one is damaged.
        """
        objects: dict[str, dict[str, Object]] = {name: {} for name in COLLECTION_OF.values()}
        with self._lock, self._db.reading():
            rows = self._db.execute("SELECT kind, id, body FROM objects ORDER BY kind, id").fetchall()
            index = self._db.meta("index") or 0
        specs = Specs()
        for kind, key, body in rows:
            obj = self._decode(kind, key, body, specs)
            objects[COLLECTION_OF[type(obj)]][key] = obj
        return View(version=index, **objects)  # type: ignore[arg-type]

    def write(self, index: int, changes: tuple[Change, ...]) -> None:
        """Write a commit whole and durably, or raise StateError and leave the file as it was; DisplacedError
        where it has to be mended first."""
        keys = self._keys_after(changes)
        rows = [_row(change.new, index, keys.data) for change in changes if change.new]
        gone = [(KIND_OF[type(change.object)], change.object.id) for change in changes if change.new is None]
        with self._lock:
            with self._db.transaction():
                self._db.executemany("DELETE FROM objects WHERE kind = ? AND id = ?", gone)
                if keys is not self._keys:
                    self._reseal(keys)
                self._db.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", rows)
                self._db.set_meta("index", index)
                if self._format < FORMAT:  # not before: until something is written, a downgrade loses nothing
                    self._db.set_meta("format", FORMAT)
            self._format = FORMAT
            if keys is not self._keys:
                self._keys = keys
                self._sweep()

    def copy_to(self, path: Path) -> bytes:
        """Write everything that is committed into a fresh database; the key of what is sealed in it, or b""
        where that is in it, wrapped by the unlock key. Raises StateError."""
        with self._lock, self._db.reading():
            self._db.copy_to(path)
            return b"" if self._keys.unlock else self._keys.data

    def mend(self, view: View) -> str:
        """Have what is committed (`view`) in files that a next start finds: what was removed, replaced or
        damaged is written afresh, and what was put there is kept. What was done, in words, or "".

        Raises StateError where that, or after a failure any writing, is not possible, and StateCame where
        nothing is to be lost, but for what lies there.
        """
        with self._lock:
            try:
                words = self._displaced(view)
                if not words and self._db.touched:
                    words = self._changed(view)
                remarks = [self._write_afresh(view, words) if words else "", self._mend_key(view)]
            except (OSError, sqlite3.Error) as error:
                self._db.failed = True
                raise StateError(
                    f"the state in {self._path} can't be written: {why(error)}. Nothing was changed."
                ) from error
            if self._db.failed:
                with self._db.transaction():
                    self._db.set_meta("index", view.version)
            return " ".join(filter(None, remarks))

    def _displaced(self, view: View) -> str:
        """Why the next start would find other files, in words, or "". Raises StateCame."""
        words = self._db.displaced
        if words and not view.in_use and self._db.holds(KIND_OF[Cluster]):
            raise StateCame(f"{words}, with a swarm in it: skerry begins again with that")
        return words

    def _changed(self, view: View) -> str:
        """Whether the next start would read something else, in words, or ""."""
        objects: dict[tuple[str, str], Object] | None = None
        try:
            rows, specs = self._db.reads(), Specs()
            objects = {(kind, key): self._decode(kind, key, body, specs) for kind, key, body in rows}
        except (sqlite3.Error, StateError) as error:
            if isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
        if objects == {(KIND_OF[type(obj)], obj.id): obj for obj in _all(view)}:
            self._db.accept()
            return ""
        return f"{self._path} was changed by another program"

    def _write_afresh(self, view: View, words: str) -> str:
        """Put a whole new database with what is committed into the place; what was done, in words."""
        if self.locked:
            raise StateError(
                f"{words} while skerry ran, and can't be written back, as the swarm is locked: unlock it, or "
                "put the file back and start skerry again"
            )
        meta: Meta = {"format": FORMAT, "index": view.version, "proof": seal(self._keys.data, PROOF, "proof")}
        if self._keys.unlock:
            meta["lock"] = wrap(self._keys.unlock, self._keys.data)
        if self._engine is not None:
            meta["engine"] = self._engine
        aside = self._db.replace(meta, [_row(obj, obj.version, self._keys.data) for obj in _all(view)])
        note = f"; what lay there is kept as {aside}" if aside else ""
        return f"{words} while skerry ran; the state was written back{note}."

    def _mend_key(self, view: View) -> str:
        """Put the key file back, where it is the one that opens the state. Raises StateCame."""
        if self.locked or self._keys.unlock:
            return ""
        try:
            if self._key_file.read_bytes() == self._keys.data:
                return ""
            words = "was replaced"
            self._displaced(view)  # it may be another state's, whose disk came at this moment
            self._key_file.rename(place_aside(self._key_file))
        except FileNotFoundError:
            words = "was removed"
        write_key(self._key_file, self._keys.data)
        return f"{self._key_file} {words} while skerry ran; it was written back."

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
        rows = self._db.execute(f"SELECT kind, id, body FROM objects WHERE kind IN ({marks})", kinds)
        specs = Specs()
        for kind, key, body in rows.fetchall():
            fresh = encode(self._decode(kind, key, body, specs), keys.data)
            self._db.execute("UPDATE objects SET body = ? WHERE kind = ? AND id = ?", (fresh, kind, key))
        self._db.set_meta("proof", seal(keys.data, PROOF, "proof"))
        self._db.execute("DELETE FROM meta WHERE name = 'lock'")
        if keys.unlock:
            self._db.set_meta("lock", wrap(keys.unlock, keys.data))
        if keys.unlock and not self._keys.unlock:
            self._db.set_meta("former", sha256(self._keys.data).digest())

    def _sweep(self) -> None:
        """Leave nothing of what the former key opens, nor that key; the commit is safe without this."""
        with suppress(sqlite3.Error, OSError):
            self._db.compact()
            if self._keys.unlock:
                self._drop_former()

    def _drop_former(self) -> None:
        """Remove the key file that the unlock key took the place of, and no other state's."""
        former = self._db.meta("former")
        if self._key_file.exists() and sha256(self._key_file.read_bytes()).digest() == former:
            self._key_file.unlink()

    def close(self) -> None:
        """Let go of the file; the write-ahead log is folded in."""
        with self._lock:
            self._db.close()

    def _decode(self, kind: str, key: str, body: str, specs: Specs) -> Object:
        if kind not in KINDS:
            raise StateError(f"the state in {self._path} has a row of an unknown kind: {kind} {key}")
        try:
            return decode(kind, key, body, self._keys.data, specs)
        except (msgspec.MsgspecError, WrongKey, ValueError) as error:
            raise StateError(
                f"the state in {self._path} has a damaged row: {kind} {key} ({error}). Restore a backup, or "
                "delete that one row with the sqlite3 command to go on without it."
            ) from error


def _all(view: View) -> list[Object]:
    return [obj for name in COLLECTION_OF.values() for obj in getattr(view, name).values()]


def _row(obj: Object, version: int, key: bytes) -> Row:
    return KIND_OF[type(obj)], obj.id, version, encode(obj, key)
