"""All there is about the files of a folder, to be compared."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def picture(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything about a tree but inodes and the times of reading and copying."""
    shown: dict[str, tuple[object, ...]] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content: object = None
        if stat.S_ISLNK(status.st_mode):
            content = str(path.readlink())
        elif stat.S_ISREG(status.st_mode):
            content = path.read_bytes()
        names = sorted(os.listxattr(path, follow_symlinks=False))
        attributes = [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names]
        links = status.st_nlink if stat.S_ISREG(status.st_mode) else 0
        owner = (status.st_uid, status.st_gid, status.st_mode, status.st_rdev, status.st_mtime_ns)
        shown[str(path.relative_to(folder))] = (*owner, links, content, attributes)
    return shown
