"""The soak in its short form, and how its growth is told; `make soak` plays an hour."""

from __future__ import annotations

import statistics
from dataclasses import astuple, fields, replace
from xml.etree import ElementTree

import pytest

from tests.soak.measure import Measure
from tests.soak.plot import svg
from tests.soak.series import WARM, Series
from tests.soak.soak import soak

SHORT_S, TASKS, EVERY_S = 40.0, 4, 1.0
SLACK = Measure(
    4096, 4096, descriptors=10, threads=4, rows=10, database_kb=4300, logs_kb=0, elements=10, connections=500
)
"""What may come and go, or is not full yet after a quarter of so short a time."""
LEVEL = Measure(90_000, 30_000, 50, 8, 300, 4300, 40_000, 200, 120)


def series(*samples: Measure) -> Series:
    return Series(60, 100, 720, [(float(at), measure) for at, measure in enumerate(samples)])


@pytest.mark.parametrize(
    ("growing", "expected"),
    [
        (lambda at: 100, 0),
        (lambda at: 100 if at < 90 else 150, 50),  # at the end
        (lambda at: 10 * at if at < 25 else 250, 0),  # until it is warm
        (lambda at: 100 + (500 if at in (30, 95) else 0), 0),  # for a moment
        (lambda at: 200 - at, -38),
    ],
)
def test_growth_is_what_is_more_at_the_end_than_after_the_first_quarter(growing, expected: float) -> None:  # type: ignore[no-untyped-def]
    seen = series(*(replace(LEVEL, rows=growing(at)) for at in range(100)))
    assert round(seen.growth("rows")) == expected
    assert seen.growth("threads") == 0
    assert seen.line == f"soak: minutes=60 growth_pct={max(0, seen.growth('rows')):.1f}"


def test_the_picture_has_a_field_for_each_figure() -> None:
    picture = ElementTree.fromstring(svg(series(LEVEL, replace(LEVEL, rows=600), LEVEL, LEVEL)))
    lines = [one for one in picture if one.tag.endswith("polyline")]
    assert len(lines) == len(fields(Measure))
    heights = {point.split(",")[1] for point in lines[4].attrib["points"].split()}
    assert len(heights) == 2


@pytest.mark.engine
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.case("C13")
def test_updates_leave_nothing_behind() -> None:
    seen = soak(SHORT_S, tasks=TASKS, every_s=EVERY_S)
    assert seen.updates > SHORT_S / EVERY_S / 4
    measures = [measure for _, measure in seen.samples]
    warm = int(len(measures) * WARM)
    for field, slack in zip(fields(Measure), astuple(SLACK), strict=True):
        values = [getattr(measure, field.name) for measure in measures]
        before, after = statistics.median(values[warm : warm + 3]), statistics.median(values[-3:])
        assert after <= before + slack, f"{field.name}: {values}"
