"""docs/performance.md from the results: tables, and a plot of every round."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from bench import network
from bench.peer.criteria import summary, verdict
from bench.peer.results import Results

ABOUT = Path(__file__).with_name("about.md")
WIDTH, ROW, LEFT, TOP = 900, 34, 190, 50
FIRST_S, LAST_S = 0.01, 100.0
COLOURS = {"floor": "#222", "swarm": "#e08e00", "skerry": "#1565c0"}


def write(page: Path, results: Results, about: Path = ABOUT) -> None:
    """Write the page, which says what is in the file `about`, and its plot beside it."""
    plot = page.with_suffix(".svg")
    plot.write_text(svg(results))
    words = {"last_line": summary(results), "plot": plot.name, "machine": results.machine}
    text = about.read_text()
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    tables = "\n".join([*_broken(results), *_items(results), *_network(results), *_core(results)])
    page.write_text(text.replace("{tables}", tables))


def _broken(results: Results) -> Iterator[str]:
    for item, why in results.broken.items():
        yield f"**{item}** did not come to its end: {why}\n"


def lines(results: Results) -> list[str]:
    """An item a line: medians, ratio, floor, and whether that is what is asked."""
    found = []
    for item, rounds in results.items.items():
        said = "; ".join(_said(results, item, figure) for figure in rounds["skerry"])
        missed = verdict(item, results)
        found.append(f"{item}: {said}: {'not met: ' + ', '.join(missed) if missed else 'met'}")
    found += [f"{item}: broken: {why}" for item, why in results.broken.items()]
    return found


def _said(results: Results, item: str, figure: str) -> str:
    swarm, ours, floor = (results.median(item, name, figure) for name in ("swarm", "skerry", "floor"))
    assert ours is not None
    text = f"{figure} skerry {_number(ours)}"
    if swarm is not None:
        text += f", Swarm {_number(swarm)}" + (f" ({swarm / ours:.2f}×)" if ours and _is_time(figure) else "")
    if floor:
        text += f", floor {_number(floor)} ({ours / floor:.2f}×)"
    return text


def _is_time(figure: str) -> bool:
    return figure == "s" or figure.endswith("_s")


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if 0 < abs(value) < 1 else f"{value:.4g}"


def _items(results: Results) -> Iterator[str]:
    yield "| item | figure | Swarm | skerry | Swarm / skerry | floor | skerry / floor | asked |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for item, rounds in results.items.items():
        missed = verdict(item, results)
        for place, figure in enumerate(dict.fromkeys(chain(rounds["skerry"], rounds.get("floor", ())))):
            swarm, ours, floor = (results.median(item, name, figure) for name in ("swarm", "skerry", "floor"))
            ratio = f"{swarm / ours:.2f}×" if swarm and ours and _is_time(figure) else ""
            above = f"{ours / floor:.2f}×" if ours and floor else ""
            met = ("not met: " + ", ".join(missed) if missed else "met") if place == 0 else ""
            cells = [_cell(rounds, name, figure) for name in ("swarm", "skerry", "floor")]
            yield (
                f"| {item if place == 0 else ''} | {figure} | {cells[0]} | {cells[1]} | {ratio} "
                f"| {cells[2]} | {above} | {met} |"
            )


def _cell(rounds: dict[str, dict[str, list[float]]], name: str, figure: str) -> str:
    """Median and range."""
    values = sorted(rounds.get(name, {}).get(figure, ()))
    if not values:
        return "–"
    middle = Results(items={"": rounds}).median("", name, figure)
    if values[0] == values[-1]:
        return _number(middle)
    return f"{_number(middle)} ({_number(values[0])} – {_number(values[-1])})"


def _network(results: Results) -> Iterator[str]:
    if not results.network:
        return
    yield "\n## Throughput\n"
    yield from network.table(results.network)


def _core(results: Results) -> Iterator[str]:
    if not results.core:
        return
    yield "\n## Growth\n"
    yield "| services, of 10 tasks each | one decision, µs |\n| ---: | ---: |"
    for size, took in results.core.items():
        yield f"| {size} | {took:.0f} |"


def svg(results: Results) -> str:
    """A row for each time that was measured; a dot for each round, logarithmic."""
    rows = [
        (item, figure, rounds)
        for item, rounds in results.items.items()
        for figure in rounds["skerry"]
        if _is_time(figure)
    ]
    height = TOP + ROW * len(rows) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<text x="10" y="20" font-size="14">Seconds, a dot each round: Swarm (orange), skerry (blue), the'
        " engine alone (black)</text>",
    ]
    for mark in (0.01, 0.1, 1.0, 10.0, 100.0):
        x = _x(mark)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 10}" y2="{height - 30}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle">{mark:g} s</text>')
    for row, (item, figure, rounds) in enumerate(rows):
        y = TOP + ROW * row + ROW / 2
        name = item if figure == "s" else f"{item}, {figure.removesuffix('_s')}"
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{name}</text>')
        for place, (system, colour) in enumerate(COLOURS.items()):
            values: Sequence[float] = rounds.get(system, {}).get(figure, ())
            parts += [_dot(value, y + 7 * (place - 1), colour) for value in values]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _dot(seconds: float, y: float, colour: str) -> str:
    return f'<circle cx="{_x(seconds):.1f}" cy="{y:.1f}" r="3" fill="{colour}" opacity="0.5"/>'


def _x(seconds: float) -> float:
    share = math.log(max(seconds, FIRST_S) / FIRST_S) / math.log(LAST_S / FIRST_S)
    return LEFT + min(share, 1.0) * (WIDTH - LEFT - 40)
