"""Encrypts a backup by age, and opens it again: everything in pieces, nothing of it whole in memory.

For recipients the file is an age file. With a passphrase, it begins with the armored age file of an identity
that was drawn for this backup and that the passphrase opens; the age file for that identity follows. So both
can be opened by hand, by `age` itself (docs/backup.md).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyrage

from skerry.archive.manifest import BadArchive
from skerry.archive.unpack import Source
from skerry.model.errors import InvalidParameter

MAGIC = b"age-encryption.org/v1"
ARMOR, ARMOR_END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
LONGEST_ARMOR = 64 * 1024
"""No encrypted identity is longer, in bytes."""


class Sink(Protocol):
    """What is written to."""

    def write(self, data: bytes, /) -> object: ...


class CannotOpen(BadArchive):
    """It does not open with this passphrase or identity."""


def encrypt(source: Source, sink: Sink, recipients: list[str], passphrase: str = "") -> None:
    """Encrypt for these recipients (`age1…`, or lines of an ssh public key), or with a passphrase.

    Raises InvalidParameter where one of them is none.
    """
    known = [_recipient(text) for text in recipients]
    if passphrase:
        identity = pyrage.x25519.Identity.generate()
        sink.write(
            pyrage.passphrase.encrypt(str(identity).encode(), passphrase, armored=True).strip() + b"\n"
        )
        known = [identity.to_public()]
    pyrage.encrypt_io(source, _Flushed(sink), known)


def check_recipients(recipients: list[str]) -> None:
    """Raises InvalidParameter where one of them is none."""
    for text in recipients:
        _recipient(text)


def _recipient(text: str) -> Any:
    kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(text.strip())
    except pyrage.RecipientError as error:
        raise InvalidParameter(f"{text!r} is no recipient of age: {error}") from error


@contextmanager
def opened(
    file: BinaryIO, identity: Path | None, passphrase: Callable[[], str]
) -> Iterator[tuple[Source, bool]]:
    """What is in a file, and whether that was encrypted. `passphrase` is asked for one where it takes one.

    Raises BadArchive, CannotOpen; the end of an encrypted file is checked when this is left.
    """
    head = _Ahead(file)
    if head.starts_with(ARMOR):
        with _decrypted(head, [_unwrapped(head, passphrase)]) as source:
            yield source, True
    elif head.starts_with(MAGIC):
        if identity is None:
            raise CannotOpen(
                "the backup is encrypted for a recipient: name the file of its identity (--identity)"
            )
        with _decrypted(head, identities(identity)) as source:
            yield source, True
    else:
        yield head, False


Identities = list[Any]
"""Of age: pyrage has no types."""


def identities(path: Path) -> Identities:
    """Those of a file: lines of `AGE-SECRET-KEY-1…`, as age-keygen writes them, or an ssh private key."""
    data = path.read_bytes()
    try:
        if b"PRIVATE KEY-----" in data:
            return [pyrage.ssh.Identity.from_buffer(data)]
        lines = [line.strip() for line in data.decode().splitlines()]
        known: Identities = [
            pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")
        ]
    except (pyrage.IdentityError, ValueError) as error:
        raise CannotOpen(f"{path} is no identity of age: {error}") from error
    if not known:
        raise CannotOpen(f"{path} has no identity of age in it")
    return known


def _unwrapped(head: _Ahead, passphrase: Callable[[], str]) -> Any:
    """The identity at the begin of the file."""
    armored = head.read_past(ARMOR_END, LONGEST_ARMOR)
    head.read(1)  # the end of its last line
    try:
        plain = pyrage.passphrase.decrypt(armored + b"\n", passphrase())
        return pyrage.x25519.Identity.from_str(plain.decode())
    except (pyrage.DecryptError, pyrage.IdentityError) as error:
        raise CannotOpen(f"the backup does not open with this passphrase: {error}") from error


@contextmanager
def _decrypted(source: Source, known: Identities) -> Iterator[Source]:
    """What age writes, to be read: it runs in a thread of its own, at the other end of a pipe."""
    reading, writing = os.pipe()
    failures: list[Exception] = []

    def run() -> None:
        with os.fdopen(writing, "wb") as sink:
            try:
                with suppress(BrokenPipeError):  # whoever reads has had enough
                    pyrage.decrypt_io(source, sink, known)
            except (pyrage.DecryptError, OSError, ValueError) as error:
                failures.append(error)

    thread = threading.Thread(target=run, name="age", daemon=True)
    thread.start()
    try:
        with os.fdopen(reading, "rb") as plain:
            try:
                yield plain
                while plain.read(1 << 20):  # what pads the tar; the last piece is checked by that
                    pass
            except BadArchive as error:
                plain.close()
                thread.join()
                raise _reason(failures, error) from error
    finally:
        thread.join()
    if failures:
        raise _reason(failures, BadArchive(str(failures[0])))


def _reason(failures: list[Exception], otherwise: BadArchive) -> BadArchive:
    """Why a file can't be read, as far as age knows."""
    if not failures or isinstance(failures[0], BrokenPipeError):
        return otherwise
    words = str(failures[0])
    if "key" in words.lower():
        return CannotOpen(f"the backup does not open with this identity: {words}")
    return BadArchive(f"the backup is torn, or was changed: {words}")


class _Ahead:
    """A file whose begin can be looked at before it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._kept = b""

    def starts_with(self, begin: bytes) -> bool:
        """Whether what is still to be read begins so."""
        while len(self._kept) < len(begin) and (more := self._file.read(len(begin) - len(self._kept))):
            self._kept += more
        return self._kept.startswith(begin)

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer than asked for only at the end."""
        if size < 0:
            kept, self._kept = self._kept, b""
            return kept + self._file.read()
        data, self._kept = self._kept[:size], self._kept[size:]
        while len(data) < size and (more := self._file.read(size - len(data))):
            data += more
        return data

    def read_past(self, end: bytes, most: int) -> bytes:
        """Up to these bytes, and with them. Raises BadArchive where they are not there."""
        data = b""
        while end not in data:
            piece = self.read(1)
            if not piece or len(data) > most:
                raise BadArchive("the backup is torn: its begin is not whole")
            data += piece
        return data


class _Flushed:
    """A sink with the method that age's writer calls at the end."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        """All of it."""
        self._sink.write(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back here."""
