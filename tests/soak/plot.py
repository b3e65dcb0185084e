"""The series as a picture: a field for each figure, from nothing to its greatest value."""

from __future__ import annotations

from dataclasses import fields

from tests.soak.measure import Measure
from tests.soak.series import Series

COLUMNS = 3
WIDTH, HEIGHT, GAP, TOP = 280, 120, 20, 40


def svg(series: Series) -> str:
    """All of it; the grey line is when it was warm."""
    figures = [field.name for field in fields(Measure)]
    rows = -(-len(figures) // COLUMNS)
    width, height = COLUMNS * (WIDTH + GAP) + GAP, TOP + rows * (HEIGHT + 2 * GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{GAP}" y="20" font-size="14">{series.minutes:g} minutes, {series.tasks} tasks,'
        f" {series.updates} updates: each figure from 0 to its greatest value</text>",
    ]
    for number, figure in enumerate(figures):
        row, column = divmod(number, COLUMNS)
        parts += _field(series, figure, GAP + column * (WIDTH + GAP), TOP + GAP + row * (HEIGHT + 2 * GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _field(series: Series, figure: str, left: float, top: float) -> list[str]:
    values = series.values(figure)
    most, last = max(*values, 1.0), max(series.samples[-1][0], 1.0)
    points = " ".join(
        f"{left + WIDTH * at / last:.1f},{top + HEIGHT * (1 - value / most):.1f}"
        for (at, _), value in zip(series.samples, values, strict=True)
    )
    warm = left + WIDTH * series.samples[series.warm][0] / last
    name = figure.replace("_kb", ", kB").replace("_rss", "'s memory").replace("_", " ")
    return [
        f'<text x="{left}" y="{top - 6}">{name}: {max(values):,.0f} at most,'
        f" {series.growths[figure]:+.1f} %</text>",
        f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#ddd"/>',
        f'<line x1="{warm:.1f}" x2="{warm:.1f}" y1="{top}" y2="{top + HEIGHT}" stroke="#bbb"/>',
        f'<polyline points="{points}" fill="none" stroke="#1f6fb4"/>',
    ]
