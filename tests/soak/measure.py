"""What skerry's two processes hold: memory, descriptors, the database, the logs, the rows."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from harness.world import World


@dataclass(frozen=True)
class Measure:
    """Of skerryd and the gate together where it is theirs."""

    rss_kb: int
    fds: int
    db_kb: int
    log_kb: int
    rows: int


def measure(world: World) -> Measure:
    """How it is now."""
    processes = [world.pid, *gates(world)]
    return Measure(
        sum(_rss_kb(pid) for pid in processes),
        sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in processes),  # noqa: PTH208
        _size_kb(world.data_dir, "skerry.db*"),
        _size_kb(world.run_dir, "skerryd.log*") + _size_kb(world.run_dir, "gate.log*"),
        _rows(world.data_dir / "skerry.db"),
    )


def gates(world: World) -> list[int]:
    """The gate's process; for a while after it was replaced, there may be two."""
    sign = [b"skerry.gate", b"--run-dir", os.fsencode(world.run_dir)]
    pids = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            words = _words(folder)
            if all(word in words for word in sign):
                pids.append(int(folder.name))
    return pids


def _words(folder: Path) -> list[bytes]:
    try:
        return (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _rss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _size_kb(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern)) // 1024


def _rows(database: Path) -> int:
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return int(db.execute("SELECT count(*) FROM objects").fetchone()[0])
    finally:
        db.close()
