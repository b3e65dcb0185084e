"""From the daemon's stream to a file that is whole or not there."""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from skerry.archive import encryption
from skerry.archive.manifest import Manifest
from skerry.archive.unpack import read_manifest
from skerry.cli.backup.encryption_options import Lock
from skerry.linux.filesystems import opened


def save(pieces: Iterator[bytes], file: str, lock: Lock) -> Manifest:
    """Write a stream, encrypted where there is a lock; its manifest. Raises OSError and what pieces do."""
    source = _Pieces(pieces)
    manifest = source.manifest()
    with written(file) as target:
        if lock:
            encryption.encrypt(source, target, list(lock.recipients), lock.passphrase)
        else:
            for piece in source:
                target.write(piece)
    return manifest


class _Pieces:
    """A stream of pieces as a file, whose begin can be looked at."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._kept = b""

    def manifest(self) -> Manifest:
        """What the stream begins with, and still does afterwards."""
        self._keep(tarfile.BLOCKSIZE)
        size = tarfile.TarInfo.frombuf(self._kept[: tarfile.BLOCKSIZE], "utf-8", "strict").size
        self._keep(tarfile.BLOCKSIZE + size + -size % tarfile.BLOCKSIZE)
        return read_manifest(io.BytesIO(self._kept))

    def _keep(self, size: int) -> None:
        while len(self._kept) < size and (piece := next(self._pieces, b"")):
            self._kept += piece

    def read(self, size: int = -1) -> bytes:
        """The next bytes, some of them at least."""
        kept = self._kept or next(self._pieces, b"")
        end = len(kept) if size < 0 else size
        self._kept = kept[end:]
        return kept[:end]

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read():
            yield piece


@contextmanager
def written(file: str) -> Iterator[BinaryIO]:
    """A file to write into, which takes the place of one of that name once it is whole and on the disk.
    `-` is standard output; pipes and devices are written to as they are."""
    path = Path(file)
    if file == "-" or (path.exists() and not path.is_file() and not path.is_dir()):
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") if file == "-" else path.open("wb") as stream:
            yield stream
        return
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).rename(path)
        with opened(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY) as folder:
            os.fsync(folder)
    finally:
        with suppress(FileNotFoundError):
            Path(draft).unlink()
