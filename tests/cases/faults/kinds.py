"""All faults: the modules that hold them add theirs as they are imported."""

from __future__ import annotations

from tests.cases.faults import clocks, containers, disks, lives, networks, processes, starving
from tests.cases.faults.fault import FAULTS, Fault, Span

SOURCES = (processes, containers, networks, disks, lives, starving, clocks)


def chosen(words: str = "", *, quick: bool = False) -> list[Fault]:
    """Those whose names have one of the words, separated by commas; only the quick ones if asked for."""
    parts = [part.strip() for part in words.split(",") if part.strip()]
    return [
        one
        for one in FAULTS
        if (not parts or any(part in one.name for part in parts)) and (one.quick or not quick)
    ]


def spanning(span: Span, words: str = "") -> list[Fault]:
    """Those of a span."""
    return [one for one in chosen(words) if one.span is span]
