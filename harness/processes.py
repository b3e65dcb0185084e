"""Finding and killing every process of an instance, by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from demo.patience import PATIENCE


def processes_of(root: Path | None, namespaces: Collection[str]) -> set[int]:
    """Processes whose command line names `root`, those in the named namespaces, and all that they started."""
    spaces = {
        Path("/run/netns", name).stat().st_ino for name in namespaces if Path("/run/netns", name).exists()
    }
    parents = dict(_parents())
    found = {pid for pid in parents if (root and _names(pid, root)) or _namespace(pid) in spaces}
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found |= children
        grown = bool(children)
    return found - {os.getpid()}


def kill_all(root: Path | None, namespaces: Collection[str], timeout: float = 60) -> None:
    """SIGKILL until none is left."""
    deadline = time.monotonic() + PATIENCE * timeout
    while pids := processes_of(root, namespaces):
        assert time.monotonic() < deadline, f"processes of {root or namespaces} do not end: {sorted(pids)}"
        for pid in pids:
            kill(pid)
        time.sleep(0.05)


def kill(pid: int) -> None:
    """kill -9, and reap it where it is our child."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    yield int(entry.name), int(parent)


def _names(pid: int, root: Path) -> bool:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return any(f"{root}/" in word for word in words)
    return False


def _namespace(pid: int) -> int:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/ns/net").stat().st_ino
    return 0
