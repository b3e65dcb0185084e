"""All faults: the modules that hold them add theirs as they are imported."""

from __future__ import annotations

from tests.cases.faults import containers, disks, lives, networks, processes
from tests.cases.faults.fault import FAULTS, Fault

SOURCES = (processes, containers, networks, disks, lives)


def chosen(words: str = "", *, quick: bool = False) -> list[Fault]:
    """Those whose names have one of the words, separated by commas; only the quick ones if asked for."""
    parts = [part.strip() for part in words.split(",") if part.strip()]
    return [
        one
        for one in FAULTS
        if (not parts or any(part in one.name for part in parts)) and (one.quick or not quick)
    ]
