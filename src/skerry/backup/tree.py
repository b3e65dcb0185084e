"""A copy of a folder that is written to meanwhile: rounds while everything runs, and a last one, in which
nothing does, that copies only what has changed since.

What has changed is told by the times of files. A page that was written by a mapping and is not on the disk
yet changes no time when it is written again, and two writes within a tick of the kernel's clock have one
time: so the file system is written down before each round, and what was young in a round is copied in the
next one, whatever its times say.

Whoever writes there is not trusted: no link is followed, and a folder that becomes a link leads nowhere.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from skerry.backup.attributes import dress
from skerry.linux.filesystems import CHUNK, clone, opened, runs, write_down
from skerry.linux.mounts import in_memory

TICK_NS = 20_000_000
"""The kernel's clock for files ticks at least 100 times a second; twice that time."""
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
GONE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Fingerprint(NamedTuple):
    """How something was when it was copied."""

    inode: int
    mode: int
    size: int
    modified: int
    changed: int


class Tree:
    """The copy `target` of a folder `source`. `checked` is called between pieces, and may raise."""

    def __init__(self, source: Path, target: Path, checked: Callable[[], None] = lambda: None) -> None:
        self._source = source
        self._target = target
        self._checked = checked
        self._known: dict[str, Fingerprint] = {}
        self._seen: dict[str, Fingerprint] = {}
        """The same, of this round."""
        self._links: dict[int, str] = {}
        """Where a file with several names was copied to in this round, by its inode."""
        self._timeless = in_memory(source)
        """Whether writing by a mapping leaves the times as they are: there everything is copied each time."""
        self._young = 0

    def copy(self) -> int:
        """One round; how many bytes of files it copied. Raises OSError."""
        write_down(self._source)
        self._young = time.time_ns() - TICK_NS
        self._links, self._seen = {}, {}
        self._target.mkdir(mode=0o700, exist_ok=True)
        with opened(self._source, FOLDER) as folder:
            copied = self._folder(folder, "")
        self._known = self._seen
        return copied

    def _folder(self, folder: int, path: str) -> int:
        """What is in an open folder; then itself, as copying into it changes its times."""
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
        copied = 0
        for name in names:
            self._checked()
            with suppress(*GONE):  # the next round finds out what became of it
                copied += self._entry(folder, name, f"{path}/{name}" if path else name)
        for former in (self._target / path).iterdir():
            if str(former.relative_to(self._target)) not in self._seen:
                _remove(former)
        dress(folder, self._target / path, os.fstat(folder))
        return copied

    def _entry(self, folder: int, name: str, path: str) -> int:
        """Copy what has this name in an open folder, unless it is as it was in the last round; how many bytes
        that were."""
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISSOCK(status.st_mode):  # whoever listened there makes it anew
            return 0
        before, now = self._known.get(path), _known(status)
        self._seen[path] = now
        if stat.S_ISDIR(status.st_mode):
            if before is None or not stat.S_ISDIR(before.mode):
                _remove(self._target / path)
                (self._target / path).mkdir(mode=0o700)
            with opened(name, FOLDER, folder) as within:
                return self._folder(within, path)
        if before == now and not self._timeless and status.st_nlink == 1:
            return 0
        return self._anew(folder, name, path, status)

    def _anew(self, folder: int, name: str, path: str, status: os.stat_result) -> int:
        """Copy what is no folder; of a file with several names the first, to which the others are linked."""
        target = self._target / path
        _remove(target)
        if status.st_nlink > 1:
            first = self._links.setdefault(status.st_ino, path)
            if first != path:
                os.link(self._target / first, target, follow_symlinks=False)
                return 0
        if max(status.st_mtime_ns, status.st_ctime_ns) >= self._young:
            self._seen[path] = self._seen[path]._replace(changed=0)
        if stat.S_ISREG(status.st_mode):
            return self._content(folder, name, target)
        if stat.S_ISLNK(status.st_mode):
            target.symlink_to(os.readlink(name, dir_fd=folder))
        else:
            os.mknod(target, status.st_mode, status.st_rdev)
        dress(f"/proc/self/fd/{folder}/{name}", target, status)
        return 0

    def _content(self, folder: int, name: str, target: Path) -> int:
        with (
            opened(name, FILE, folder) as reading,
            opened(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as new,
        ):
            status = os.fstat(reading)
            if stat.S_ISREG(status.st_mode) and not clone(reading, new):
                self._pieces(reading, new, status.st_size)
            dress(reading, target, status)
        return status.st_size

    def _pieces(self, reading: int, writing: int, size: int) -> None:
        """Copy what is no hole."""
        os.ftruncate(writing, size)
        for begin, end in runs(reading, size):
            at = begin
            while at < end and (piece := os.pread(reading, min(CHUNK, end - at), at)):
                self._checked()
                os.pwrite(writing, piece, at)
                at += len(piece)


def _known(status: os.stat_result) -> Fingerprint:
    return Fingerprint(status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
