"""What is mounted in this process's namespace; file systems in memory, and bind mounts."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from skerry.model.errors import SkerryError

MOUNTINFO = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")
"""How the kernel writes spaces, tabs, line feeds and backslashes of a path."""


class MountError(SkerryError):
    """It cannot be mounted."""


class MountPoint(NamedTuple):
    """A mount point, and the type of the file system on it."""

    path: Path
    kind: str


def mounts() -> list[MountPoint]:
    """Everything that is mounted, the oldest first."""
    table = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape")
    return [_read(line.split(" ")) for line in table.split("\n") if line]


def _read(words: list[str]) -> MountPoint:
    path = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), words[4])
    return MountPoint(Path(path), words[words.index("-") + 1])


def mount_tmpfs(path: Path, options: str) -> None:
    """MountPoint a file system in memory at `path`, with the options of mount(8). Raises MountError."""
    _mount("-t", "tmpfs", "-o", options, "skerry", str(path))


def bind(source: Path, target: Path) -> None:
    """MountPoint a file or a folder at another place, too. Raises MountError."""
    _mount("--bind", str(source), str(target))


def in_memory(path: Path) -> bool:
    """Whether a path lies on a tmpfs: the file system of the deepest mount above it."""
    kinds = {mount.path: mount.kind for mount in mounts()}
    real = Path(os.path.realpath(path))
    above = next(folder for folder in (real, *real.parents) if folder in kinds)
    return kinds[above] in ("tmpfs", "ramfs")


def is_mount_point(path: Path) -> bool:
    """Whether a file system is mounted at just this path."""
    return Path(os.path.realpath(path)) in {mount.path for mount in mounts()}


def unmount_below(*folders: Path) -> None:
    """Unmount whatever is mounted at or below these folders, the newest first, even while it is in use."""
    real = [Path(os.path.realpath(folder)) for folder in folders]
    for mount in reversed(mounts()):
        if any(mount.path.is_relative_to(folder) for folder in real):
            subprocess.run(["umount", "-l", str(mount.path)], check=False, capture_output=True)


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, check=False, text=True)
    if done.returncode != 0:
        raise MountError(f"mount {' '.join(words)}: {done.stderr.strip()}")
