"""Control groups in which processes have less than they need, for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
UNIFIED = (ROOT / "cgroup.controllers").exists()
"""Whether this machine has one tree of control groups, not one for each controller."""
PERIOD_US = 100_000


@dataclass(frozen=True)
class Limit:
    """What a controller leaves to a group."""

    controller: str
    file: str
    text: str


def processor(share: float) -> Limit:
    """This share of one processor."""
    quota = round(share * PERIOD_US)
    return (
        Limit("cpu", "cpu.max", f"{quota} {PERIOD_US}")
        if UNIFIED
        else Limit("cpu", "cpu.cfs_quota_us", str(quota))
    )


def memory(size: int) -> Limit:
    """So many bytes, beyond what its processes have when they are put there; who needs more is killed."""
    return Limit("memory", "memory.max" if UNIFIED else "memory.limit_in_bytes", str(size))


@contextlib.contextmanager
def confined(name: str, limit: Limit, pids: Iterable[int]) -> Iterator[None]:
    """The processes, and those that they start, are in a group of that name. Afterwards those that are left
    are where the first one was before."""
    home = next((_group(pid, limit.controller) for pid in pids if Path(f"/proc/{pid}").exists()), None)
    assert home is not None, "there is no process to confine"
    tree = ROOT if UNIFIED else ROOT / limit.controller
    if UNIFIED:
        (tree / "cgroup.subtree_control").write_text(f"+{limit.controller}")
    place = tree / name
    place.mkdir()
    try:
        (place / limit.file).write_text(limit.text)
        _move(pids, place)
        yield
    finally:
        while left := [int(pid) for pid in (place / "cgroup.procs").read_text().split()]:
            _move(left, home)
        place.rmdir()


def _group(pid: int, controller: str) -> Path:
    """Where a process is."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if UNIFIED or controller in controllers.split(","):
            return (ROOT if UNIFIED else ROOT / controller) / path.lstrip("/")
    raise AssertionError(f"no control group of {controller}")


def _move(pids: Iterable[int], place: Path) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            (place / "cgroup.procs").write_text(str(pid))
