"""File systems in memory, for what tasks are given as files: it never lies on a disk, nor needs one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from skerry.model.errors import SkerryError


class TmpfsError(SkerryError):
    """It cannot be mounted."""


def mount(path: Path, options: str) -> None:
    """Mount one at `path`, with the options of mount(8). Raises TmpfsError."""
    command = ("mount", "-t", "tmpfs", "-o", options, "skerry", str(path))
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        raise TmpfsError(f"{' '.join(command)}: {done.stderr.strip()}")


def in_memory(path: Path) -> bool:
    """Whether a path lies on a tmpfs: the file system of the deepest mount above it."""
    mounts = _mounts()
    real = Path(os.path.realpath(path))
    above = next(str(place) for place in (real, *real.parents) if str(place) in mounts)
    return mounts[above] in ("tmpfs", "ramfs")


def is_mount_point(path: Path) -> bool:
    """Whether a file system is mounted at just this path."""
    return os.path.realpath(path) in _mounts()


def _mounts() -> dict[str, str]:
    """The type of the file system on each mount point of this process's namespace."""
    types = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        words = line.split()
        types[words[4].replace("\\040", " ")] = words[words.index("-") + 1]
    return types
