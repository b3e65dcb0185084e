"""The soak in its short form, and how its growth is told; `make soak` plays an hour."""

from __future__ import annotations

from dataclasses import astuple, fields, replace
from xml.etree import ElementTree

import pytest

from tests.soak.measure import Measure, least
from tests.soak.plot import svg
from tests.soak.series import Series
from tests.soak.soak import before_and_after

TIMES = 15
SLACK = Measure(
    skerryd_rss_kb=6000,
    gate_rss_kb=2000,
    descriptors=8,
    threads=0,
    rows=0,
    database_kb=4300,
    logs_kb=0,
    elements=0,
    connections=300,
)
"""What may come and go, or is not full yet after so few updates: heaps, the journal of the database (4 MB),
connections of the last two minutes, which the kernel remembers."""
LEVEL = Measure(90_000, 30_000, 50, 8, 300, 4300, 40_000, 200, 120)


def series(*samples: Measure) -> Series:
    taken = [(float(at), measure) for at, measure in enumerate(samples)]
    return Series(60, 100, 720, len(taken) // 4, taken)


@pytest.mark.parametrize(
    ("growing", "expected"),
    [
        (lambda at: 100, 0),
        (lambda at: 100 if at < 90 else 150, 50),  # at the end
        (lambda at: 10 * at if at < 25 else 250, 0),  # until it is warm
        (lambda at: 100 + (500 if at in (30, 95) else 0), 0),  # for a moment
        (lambda at: 200 - at, -39),
    ],
)
def test_growth_is_what_is_more_at_the_end_than_once_it_was_warm(growing, expected: float) -> None:  # type: ignore[no-untyped-def]
    seen = series(*(replace(LEVEL, rows=growing(at)) for at in range(100)))
    assert round(seen.growths["rows"]) == expected
    assert seen.growths["threads"] == 0
    assert seen.line == f"soak: minutes=60 growth_pct={max(0, seen.growths['rows']):.1f}"


def test_the_picture_has_a_field_for_each_figure() -> None:
    picture = ElementTree.fromstring(svg(series(LEVEL, replace(LEVEL, rows=600), LEVEL, LEVEL)))
    lines = [one for one in picture if one.tag.endswith("polyline")]
    assert len(lines) == len(fields(Measure))
    heights = {point.split(",")[1] for point in lines[4].attrib["points"].split()}
    assert len(heights) == 2


def test_of_what_comes_and_goes_the_least_counts() -> None:
    assert least([replace(LEVEL, rows=310, threads=9), LEVEL, replace(LEVEL, rows=305)]) == LEVEL


@pytest.mark.engine
@pytest.mark.timeout(300)
@pytest.mark.case("C13")
def test_updates_leave_nothing_behind() -> None:
    before, after = before_and_after(TIMES)
    most = [held + slack for held, slack in zip(astuple(before), astuple(SLACK), strict=True)]
    grown = [
        field.name
        for field, bound, held in zip(fields(Measure), most, astuple(after), strict=True)
        if held > bound
    ]
    assert not grown, f"{before} became {after}"
