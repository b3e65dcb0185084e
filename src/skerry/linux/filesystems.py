"""What file systems do for copies: shared extents, holes, and pages that are written down."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FICLONE = 0x40049409
CHUNK = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)
CAN_NOT = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM)
"""What the kernel answers where two files can't share anything."""


@contextmanager
def opened(path: Path | str, flags: int, folder: int | None = None) -> Iterator[int]:
    """A descriptor of a file, which is made for its owner alone where it is made; `path` may begin at an open
    folder."""
    handle = os.open(path, flags, 0o600, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)


def write_down(path: Path) -> None:
    """Have all of a file system on its disk: from then on, whoever writes by a mapping changes times."""
    with opened(path, os.O_RDONLY | os.O_DIRECTORY) as handle:
        if _libc.syncfs(handle):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))


def clone(source: int, target: int) -> bool:
    """Let two open files share what is in the first; False where their file system can't."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        if error.errno in CAN_NOT:
            return False
        raise
    return True


def runs(handle: int, size: int) -> list[tuple[int, int]]:
    """Where an open file of that size has content, as (begin, end); holes are what lies between."""
    spans, at = [], 0
    while at < size:
        try:
            begin = os.lseek(handle, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a hole up to the end
                break
            raise
        at = os.lseek(handle, begin, os.SEEK_HOLE)
        spans.append((begin, min(at, size)))
    return spans
