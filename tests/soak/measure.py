"""What skerry holds: two processes, the database, logs, the kernel's table and its connections."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from harness.world import World
from skerry.logs import LIMIT
from skerry.model.defaults import HISTORY_KEPT

LOGS = ("r/skerryd.log", "r/gate.log", "r/engine.log", "d/audit.log", "d/events.jsonl")
LOGS_KB = 2 * LIMIT * len(LOGS) // 1024
"""So much of logs there may be: each of this size, and one kept before."""
POOL = min(32, (os.cpu_count() or 1) + 4)
THREADS = 2 * (POOL + 2)
"""So many threads there may be: of each process its own, those of asyncio's pool, which come as they are
needed, and one for the namespace."""

CONNECTIONS = 100
"""So many the kernel may follow: those of the clients of the moment, and for a while what they have ended."""


@dataclass(frozen=True)
class Measure:
    """At a moment. Logs, threads, connections, and rows of revisions count as what they may become at most,
    until they are more.

    Descriptors and threads are those of skerryd and the gate together; an element is one of a map or set of
    the kernel's table.
    """

    skerryd_rss_kb: int
    gate_rss_kb: int
    descriptors: int
    threads: int
    rows: int
    database_kb: int
    logs_kb: int
    elements: int
    connections: int


def measure(world: World) -> Measure:
    """How it is now."""
    skerryd, gate = [world.pid], gates(world)
    both = [*skerryd, *gate]
    return Measure(
        sum(_status(pid, "VmRSS") for pid in skerryd),
        sum(_status(pid, "VmRSS") for pid in gate),
        sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in both),  # noqa: PTH208
        max(THREADS, sum(_status(pid, "Threads") for pid in both)),
        _rows(kinds(world)),
        _size_kb(world.data_dir, "skerry.db*"),
        max(LOGS_KB, sum(_size_kb(world.root, f"{name}*") for name in LOGS)),
        _elements(world.run("nft", "list", "table", "ip", f"skerry-{world.name}")),
        max(CONNECTIONS, int(world.run("conntrack", "-C"))),
    )


def least(measures: Sequence[Measure]) -> Measure:
    """Of each figure what there was at least: what comes and goes is on top of what stays."""
    return Measure(*(min(values) for values in zip(*map(astuple, measures), strict=True)))


def kinds(world: World) -> dict[str, int]:
    """How many rows there are of each kind of object."""
    db = sqlite3.connect(f"file:{world.data_dir / 'skerry.db'}?mode=ro", uri=True)
    try:
        return dict(db.execute("SELECT kind, count(*) FROM objects GROUP BY kind").fetchall())
    finally:
        db.close()


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


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _size_kb(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern)) // 1024


def _rows(counts: Mapping[str, int]) -> int:
    most = HISTORY_KEPT * counts.get("service", 0)
    return sum(counts.values()) + max(0, most - counts.get("revision", 0))


def _elements(table: str) -> int:
    """How many there are in the maps and sets of a table."""
    return sum(body.count(",") + 1 for body in re.findall(r"elements = \{([^}]*)\}", table))
