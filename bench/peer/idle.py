"""Item 8: what 100 tasks with a health check each 5 s cost while nothing happens, beside a bare engine."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.peer.floor import Floor
from bench.peer.items import running
from bench.peer.systems import System
from bench.peer.wire import Wire
from tests.world.processes import processes_of

TASKS = 100
WATCH_S = 60.0
SECOND = 1_000_000_000
TICKS = os.sysconf("SC_CLK_TCK")
IMAGE, CHECK = "story-app:1.0.0", ["CMD-SHELL", "curl -sf http://127.0.0.1:8080/healthcheck"]


def cpu_s(system: System) -> float:
    """Seconds of CPU that the system's processes and all that they have waited for have used."""
    total = 0
    for pid in processes_of(system.root, [system.net.inside, f"skerry-gate-{system.name}"]):
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(word) for word in words[11:15])
    return total / TICKS


def watched(system: System) -> float:
    """Percent of a core, over a minute."""
    before, start = cpu_s(system), time.monotonic()
    time.sleep(WATCH_S)
    return 100 * (cpu_s(system) - before) / (time.monotonic() - start)


def resident_mb(system: System) -> float:
    """Memory of skerryd and the gate (MB), by what is theirs alone and their share of the rest (PSS)."""
    total = 0
    for pid in processes_of(system.root, []):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            if "skerry.daemon" in line or "skerry.gate" in line:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                total += next(int(one.split()[1]) for one in rollup.splitlines() if one.startswith("Pss:"))
        except OSError:
            continue
    return total / 1024


def idle(system: System) -> dict[str, float]:
    """What orchestrator and health checks add: with them, less the same containers on the engine alone."""
    wire, floor = Wire(system.api_socket), Floor(system)
    names = [f"idle-{number}" for number in range(TASKS)]
    try:
        floor.at_once(lambda name: floor.launch(name, IMAGE, ()), names, 8)
        bare = watched(system)
    finally:
        floor.at_once(floor.remove, names, 8)
    health = {"Test": CHECK, "Interval": 5 * SECOND, "Timeout": 5 * SECOND, "Retries": 10}
    spec = {
        "Name": "idle",
        "TaskTemplate": {"ContainerSpec": {"Image": IMAGE, "Healthcheck": health}},
        "Mode": {"Replicated": {"Replicas": TASKS}},
        "EndpointSpec": {"Mode": "dnsrr"},
    }
    wire.call("POST", "/services/create", spec)
    try:
        wire.until(lambda: running(wire, "idle") == TASKS, f"{TASKS} tasks run")
        return {"bare_pct": bare, "added_pct": watched(system) - bare, "memory_mb": resident_mb(system)}
    finally:
        wire.call("DELETE", "/services/idle")
        wire.gone()
