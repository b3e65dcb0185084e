"""Who owns a file, its mode, its extended attributes and its times, from one file to another."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path


def dress(source: int | str, target: Path, status: os.stat_result) -> None:
    """Give `target` what `source` (an open file, or the path of a link itself) has besides its content.

    In the order in which none undoes another: a change of the owner takes capabilities away, and everything
    takes the times along. Access lists and capabilities are extended attributes.
    """
    os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        target.chmod(stat.S_IMODE(status.st_mode))
    _set_attributes(source, target)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def _set_attributes(source: int | str, target: Path) -> None:
    path = str(target)
    wanted = {name: _value(source, name) for name in _names(source)}
    for name in set(_names(path)) - wanted.keys():
        with suppress(OSError):  # those that the file system itself gives
            os.removexattr(path, name, follow_symlinks=False)
    for name, value in wanted.items():
        with suppress(OSError):  # those that only the other file system knows
            os.setxattr(path, name, value, follow_symlinks=False)


def _names(file: int | str) -> list[str]:
    try:
        return os.listxattr(file) if isinstance(file, int) else os.listxattr(file, follow_symlinks=False)
    except OSError:  # a file system without any
        return []


def _value(file: int | str, name: str) -> bytes:
    if isinstance(file, int):
        return os.getxattr(file, name)
    return os.getxattr(file, name, follow_symlinks=False)
