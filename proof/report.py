"""The figures: a page for people; every cell as CSV, and a plot, for whoever looks closer."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from proof.cells import WHOLE, Cell, Explanation, last_line
from proof.plan import CLIENTS, NAMERS, PROXIED, SIX_CLIENTS
from proof.protocols import SPEAKERS

WIDTH, ROW, LEFT, TOP = 900, 30, 270, 50
ROWS = (*CLIENTS, *SIX_CLIENTS, *NAMERS, *SPEAKERS, *PROXIED)
FIRST_MS, LAST_MS = 0.3, 30_000.0


def write(page: Path, folder: Path, cells: Sequence[Cell], explanations: Iterable[Explanation]) -> None:
    """Write the page; `cells.csv` and `plot.svg` into the folder."""
    for path in (page.parent, folder):
        path.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(_page(cells, explanations)) + "\n")
    (folder / "plot.svg").write_text(svg(cells))
    with (folder / "cells.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        rows.writeheader()
        rows.writerows(asdict(cell) for cell in cells)


ABOUT = Path(__file__).with_name("about.md")
COLUMNS = ("run", "client", "requests", "failed", "explained", "reconnects", "p50", "p99", "slowest")
"""Of the CSV; times in milliseconds."""


def _page(cells: Sequence[Cell], explanations: Iterable[Explanation]) -> Iterator[str]:
    yield ABOUT.read_text().format(last_line=last_line(cells)).rstrip()
    for why in explanations:
        yield f"| {why.run} | {', '.join(why.clients)} | {why.at_most} | {why.reason} |"
    yield from _broken([one for one in cells if one.client == WHOLE])
    yield "\n## By client\n"
    yield from _table("client", [(name, [one for one in cells if one.client == name]) for name in ROWS])
    yield "\n## By run\n"
    runs = list(dict.fromkeys(one.run for one in cells))
    yield from _table("run", [(name, [one for one in cells if one.run == name]) for name in runs])


def _broken(cells: Sequence[Cell]) -> Iterator[str]:
    if not cells:
        return
    yield "\n## Broken\n\nThese runs did not come to their end, and count as failed.\n"
    yield "| run | why |"
    yield "| --- | --- |"
    for one in cells:
        yield f"| {one.run} | {one.errors[0].replace('|', '/')} |"


def _table(name: str, groups: list[tuple[str, list[Cell]]]) -> Iterator[str]:
    yield f"| {name} | requests | failed | explained | reconnects | slowest ms |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for word, group in groups:
        yield (
            f"| {word} | {sum(one.requests for one in group)} | {sum(one.failed for one in group)}"
            f" | {sum(one.explained for one in group)} | {sum(one.reconnects for one in group)}"
            f" | {max((one.slowest for one in group), default=0.0):.0f} |"
        )


def svg(cells: Sequence[Cell]) -> str:
    """A row for each client; for each run a dot at its median and one at its slowest, logarithmic."""
    height = TOP + ROW * len(ROWS) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<text x="10" y="20" font-size="14">Median (grey) and slowest (blue; red: failed) by client, a dot'
        " each run</text>",
    ]
    for mark in (1, 10, 100, 1000, 10_000):
        x = _x(mark)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 10}" y2="{height - 30}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle">{mark} ms</text>')
    for row, client in enumerate(ROWS):
        y = TOP + ROW * row + ROW / 2
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{client}</text>')
        for one in cells:
            if one.client == client and one.requests:
                parts.append(_dot(one.p50, y - 5, "#888"))
                parts.append(_dot(one.slowest, y + 5, "#c00" if one.failed else "#1565c0"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _dot(ms: float, y: float, colour: str) -> str:
    return f'<circle cx="{_x(ms):.1f}" cy="{y:.1f}" r="3" fill="{colour}" opacity="0.5"/>'


def _x(ms: float) -> float:
    share = math.log(max(ms, FIRST_MS) / FIRST_MS) / math.log(LAST_MS / FIRST_MS)
    return LEFT + min(share, 1.0) * (WIDTH - LEFT - 30)
