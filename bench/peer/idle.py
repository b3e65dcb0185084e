"""Item 8: what 100 tasks with a health check each 5 s cost while nothing happens, beside a bare engine.

The figures are of all processes of a system but those in its containers: what it adds is what is above the
same containers on a bare engine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peer.boxes import label, scale, service
from bench.peer.floor import APP, Floor
from bench.peer.story import SECOND, Figures, Play
from bench.peer.systems import System
from harness.processes import processes_of

TASKS = 100
SETTLE_S, WATCH_S = 4.0, 15.0
TICKS = os.sysconf("SC_CLK_TCK")
CHECK = ["CMD-SHELL", "curl -sf http://127.0.0.1:8080/healthcheck || exit 1"]


def pids_of(system: System) -> set[int]:
    """All its processes, on the machine and in its containers."""
    return processes_of(system.root, [system.net.inside, f"skerry-gate-{system.name}"])


def cpu_s(system: System) -> float:
    """Seconds of CPU that the system's processes and all that they have waited for have used."""
    total = 0
    for pid in pids_of(system):
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(word) for word in words[11:15])
    return total / TICKS


def watched(system: System) -> float:
    """Percent of a core, over a while."""
    before, start = cpu_s(system), time.monotonic()
    time.sleep(WATCH_S)
    return 100 * (cpu_s(system) - before) / (time.monotonic() - start)


def memory_mb(system: System, *parts: str) -> float:
    """What is its own alone, and its share of the rest (PSS, in MB); of processes that run one of `parts`."""
    total = 0
    for pid in pids_of(system):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            if not parts or any(part in line for part in parts):
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += next(int(one.split()[1]) for one in rollup.splitlines() if one.startswith("Pss:"))
        except OSError:
            continue
    return total / 1024


def _figures(system: System) -> Figures:
    time.sleep(SETTLE_S)
    return {"cpu_pct": watched(system), "all_mb": memory_mb(system)}


@contextmanager
def idle(system: System) -> Iterator[Play]:
    """The tasks are there for the system's turn alone: their checks would take the other's CPU."""
    health = {"Test": CHECK, "Interval": 5 * SECOND, "Timeout": 5 * SECOND, "Retries": 10}
    spec = {
        "Name": "idle",
        "TaskTemplate": {"ContainerSpec": {"Image": APP.image, "Healthcheck": health}},
        "Mode": {"Replicated": {"Replicas": 0}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }
    with service(system, spec) as wire:

        def play() -> Figures:
            scale(wire, "idle", TASKS)
            try:
                return _figures(system) | {"own_mb": memory_mb(system, "skerry.daemon", "skerry.gate")}
            finally:
                scale(wire, "idle", 0)
                wire.gone(label("idle"))

        yield play


@contextmanager
def bare(system: System) -> Iterator[Play]:
    """The same containers, made by hand."""
    floor = Floor(system)
    names = [f"idle-{number}" for number in range(TASKS)]
    try:
        floor.at_once(lambda name: floor.launch(name, APP), names, 8)
        yield lambda: _figures(system)
    finally:
        floor.at_once(floor.remove, names, 8)
