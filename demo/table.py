"""The table that ends the story, and its last line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from demo.load import Tally

TIMES = ("app_update_s", "web_update_s", "rollback_s", "scale_s")


@dataclass(frozen=True)
class Row:
    """A step: its number and title, seconds it took, and the requests that began within it."""

    title: str
    seconds: float
    tally: Tally
    change: bool
    """Clients had to be served throughout."""


def render(rows: Sequence[Row]) -> str:
    """The table as text."""
    lines = [f"{'step':<46} {'s':>6} {'requests':>9} {'failed':>7} {'reconnects':>11} {'slowest ms':>11}"]
    lines.append("-" * len(lines[0]))
    for number, row in enumerate(rows, 1):
        title = f"{number:>2}. {row.title}"
        if row.tally.requests:
            tally = row.tally
            figures = (
                f"{tally.requests:>9} {tally.failed:>7} {tally.reconnects:>11} {tally.slowest_ms:>11.0f}"
            )
        else:
            figures = f"{'-':>9}"
        lines.append(f"{title:<46.46} {row.seconds:>6.1f} {figures}".rstrip())
        lines += [f"      {error}" for error in row.tally.errors]
    return "\n".join(lines)


def last_line(total: Tally, times: Mapping[str, float]) -> str:
    """The figures in one line."""
    figures = [f"requests={total.requests}", f"failed={total.failed}", f"reconnects={total.reconnects}"]
    figures.append(f"slowest_ms={math.ceil(total.slowest_ms)}")
    figures += [f"{name}={times.get(name, 0):.2f}" for name in TIMES]
    return "story: " + " ".join(figures)
