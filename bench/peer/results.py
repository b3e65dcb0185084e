"""What was measured, as data that outlives a run that is cut."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from pathlib import Path

import msgspec

from bench.network import Rate
from demo.settings import CHECKOUT

Rounds = dict[str, dict[str, list[float]]]
"""By system (`swarm`, `skerry`, `floor`) and figure: the rounds."""


class Results(msgspec.Struct):
    """All that the page is made of."""

    machine: str = ""
    items: dict[str, Rounds] = {}
    network: list[Rate] = []
    """By place and way."""
    core: dict[str, float] = {}
    """By the number of services: microseconds of one decision."""
    broken: dict[str, str] = {}
    """Items that did not come to their end, and why."""

    def median(self, item: str, system: str, figure: str) -> float | None:
        """None where it was not measured."""
        rounds = self.items.get(item, {}).get(system, {}).get(figure)
        return statistics.median(rounds) if rounds else None

    def merge(self, other: Results) -> None:
        """Take what another run measured; it replaces what is known."""
        self.machine = other.machine or self.machine
        self.items |= other.items
        self.network = other.network or self.network
        self.core = other.core or self.core
        measured = {*other.items, *(["network"] if other.network else []), *(["core"] if other.core else [])}
        self.broken = {name: why for name, why in self.broken.items() if name not in measured} | other.broken


def load(path: Path) -> Results:
    """What is written there; nothing where no file is."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else Results()


def save(path: Path, results: Results) -> None:
    """Write it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    fresh.replace(path)


def machine(engine: str) -> str:
    """What was measured on, in one sentence."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    ).stdout.strip()
    kind = models[0] if models else platform.machine()
    return (
        f"{os.cpu_count()} processors ({kind}), {memory:.0f} GB, Linux {platform.release()}, Docker Engine "
        f"{engine}, Python {platform.python_version()}, skerry at {commit}"
    )
