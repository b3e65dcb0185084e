"""Files in the data directory that a start, a backup or a restore has left which was cut."""

from __future__ import annotations

import shutil
from pathlib import Path

PATTERNS = (".skerry.db.*", ".secret.key.*", "restore")
AGE_S = 24 * 3600.0
"""What is younger may be about to be put in its place."""


def leftovers(data_dir: Path, now: float) -> list[Path]:
    """These files and folders; `now` in seconds since the epoch."""
    paths = (path for pattern in PATTERNS for path in data_dir.glob(pattern))
    return sorted(path for path in paths if now - path.lstat().st_mtime > AGE_S)


def size_of(path: Path) -> int:
    """The bytes of a file, or of all in a folder."""
    files = [path, *path.rglob("*")] if _is_folder(path) else [path]
    return sum(file.lstat().st_size for file in files if not _is_folder(file))


def remove(path: Path) -> None:
    """Remove a file, or a folder with all in it; gone is success."""
    if _is_folder(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_folder(path: Path) -> bool:
    """Whether it is one itself, and no link to one."""
    return path.is_dir() and not path.is_symlink()
