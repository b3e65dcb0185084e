"""Reads a backup, and believes nothing of it that it has not checked."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

from skerry.archive.manifest import ENTRY, LONGEST, BadArchive, Manifest, Part, decode
from skerry.archive.pack import CHUNK

TORN = "the backup is torn: take another one, or get this file again from where it was kept"


class Source(Protocol):
    """What is read from."""

    def read(self, size: int = -1, /) -> bytes: ...


def everything(manifest: Manifest, part: Part) -> bool:
    """Every part is wanted."""
    return True


def unpack(source: Source, folder: Path, wanted: Callable[[Manifest, Part], bool] = everything) -> Manifest:
    """Check every part, and put those that are wanted into the folder, which is the caller's own.

    Raises BadArchive; what was put there until then is not to be used.
    """
    with _entries(source) as entries:
        manifest = _manifest(entries)
        for part in manifest.parts:
            content = entries.content(part)
            if wanted(manifest, part):
                _write(content, folder / part.name)
            else:
                for _ in content:
                    pass
        entries.end()
    return manifest


def read_manifest(source: Source) -> Manifest:
    """The manifest alone; nothing behind it is looked at. Raises BadArchive."""
    with _entries(source) as entries:
        return _manifest(entries)


def _manifest(entries: _Entries) -> Manifest:
    manifest = decode(entries.first())
    for part in manifest.parts:
        if part.name.startswith("/") or ".." in part.name.split("/"):
            raise BadArchive(f"this is no backup of skerry: it has a part {part.name!r}")
    return manifest


class _Entries:
    """The entries of a tar, one after the other."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def first(self) -> bytes:
        """The content of the manifest."""
        entry = self._tar.next()
        if entry is None or entry.name != ENTRY or not entry.isreg() or entry.size > LONGEST:
            raise BadArchive(f"this is no backup of skerry: it does not begin with {ENTRY}")
        data = self._file(entry).read()
        if len(data) != entry.size:
            raise BadArchive(TORN)
        return data

    def content(self, part: Part) -> Iterator[bytes]:
        """The content of the next entry, which has to be this part. Raises BadArchive at the latest when all
        of it was read."""
        entry = self._tar.next()
        if entry is None:
            raise BadArchive(f"{TORN}; {part.name} is missing")
        if entry.name != part.name or not entry.isreg() or entry.size != part.size:
            raise BadArchive(f"{TORN}; {entry.name} is not what the manifest says")
        hashed, file = hashlib.sha256(), self._file(entry)
        while piece := file.read(CHUNK):
            hashed.update(piece)
            yield piece
        if hashed.hexdigest() != part.sha256:
            raise BadArchive(f"{TORN}; {part.name} is not what it was")

    def end(self) -> None:
        """Nothing may follow."""
        if (entry := self._tar.next()) is not None:
            raise BadArchive(f"this is no backup of skerry: {entry.name} is in no manifest")

    def _file(self, entry: tarfile.TarInfo) -> IO[bytes]:
        file = self._tar.extractfile(entry)
        assert file is not None
        return file


@contextmanager
def _entries(source: Source) -> Iterator[_Entries]:
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:  # type: ignore[call-overload]
            yield _Entries(tar)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        if "unexpected end" in str(error):
            raise BadArchive(TORN) from error
        raise BadArchive(f"this is no backup of skerry, or a torn one: {error}") from error


def _write(content: Iterator[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in content:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
