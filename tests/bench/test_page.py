"""Criteria, results and the page, without an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.network import Rate
from bench.peer import page
from bench.peer.__main__ import note_broken, unbroken
from bench.peer.criteria import CRITERIA, Criterion, misses, summary, verdict
from bench.peer.items import FLOORS, ITEMS
from bench.peer.results import Results, load, save


def crash(swarm: float, ours: float, floor: float, out_ms: float = 20) -> Results:
    """One item, three rounds."""
    rounds = {
        "swarm": {"replaced_s": [swarm] * 3},
        "skerry": {"replaced_s": [ours / 2, ours, ours * 9], "out_ms": [out_ms] * 3},
        "floor": {"replaced_s": [floor] * 3},
    }
    return Results(items={"crash": rounds})


def test_every_criterion_names_an_item_and_every_item_is_asked_for_something() -> None:
    assert {one.item for one in CRITERIA} == set(ITEMS)
    assert set(FLOORS) <= set(ITEMS)
    assert all(one.item in FLOORS for one in CRITERIA if one.floor or one.added)


def test_medians_count() -> None:
    assert verdict("crash", crash(0.5, 0.2, 0.18)) == []
    assert summary(crash(0.5, 0.2, 0.18)) == "bench: items=1 met=1 broken=0"


def test_what_is_missed_is_said_in_figures() -> None:
    missed = verdict("crash", crash(0.5, 0.4, 0.2, out_ms=60))
    assert missed == ["out_ms 60, at most 50 asked", "replaced_s 2.00× the floor, at most 1.3× asked"]
    slow = misses(Criterion("crash", "replaced_s", faster=2), crash(0.5, 0.4, 0.2))
    assert slow == ["replaced_s 1.25× as quick, at least 2× asked"]


def test_what_was_not_measured_is_not_met() -> None:
    assert misses(Criterion("crash", "s", most=1), crash(1, 1, 1)) == ["s was not measured"]
    assert summary(Results(items={"crash": {"skerry": {}}})) == "bench: items=1 met=0 broken=0"


def test_what_is_added_is_what_stands_above_the_floor() -> None:
    asked = Criterion("crash", "replaced_s", added=20)
    assert misses(asked, crash(41.0, 3.0, 1.0)) == []
    assert misses(asked, crash(41.0, 3.1, 1.0))


def test_a_run_that_was_cut_goes_on_from_what_is_written(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "results.json"
    assert load(place) == Results()
    save(place, crash(0.5, 0.2, 0.18))
    known = load(place)
    known.merge(Results(items={"redeploy": {"skerry": {"s": [1.0]}}}, core={"10": 200.0}))
    assert set(known.items) == {"crash", "redeploy"}
    assert known.core == {"10": 200.0}


@pytest.mark.case("A4")
def test_an_item_that_broke_is_told_and_counted(tmp_path: Path) -> None:
    results = crash(0.5, 0.2, 0.18)
    with unbroken("network", results):
        results.network = [Rate("a container", "direct", 100.0, 1.0, 50.0, 1.0)]
    assert results.broken == {}
    note_broken("crash", AssertionError("docker exited 1:\nno such image"), results)
    with unbroken("core", results):
        raise ZeroDivisionError("division by zero")
    assert summary(results) == "bench: items=0 met=0 broken=2"
    assert page.lines(results) == [
        "crash: broken: no such image",
        "core: broken: ZeroDivisionError: division by zero",
    ]
    page.write(tmp_path / "performance.md", results)
    assert "**crash** did not come to its end: no such image" in (tmp_path / "performance.md").read_text()
    results.merge(crash(0.5, 0.2, 0.18))
    assert set(results.broken) == {"core"}


def test_the_page_has_tables_and_a_plot(tmp_path: Path) -> None:
    results = crash(0.5, 0.2, 0.18)
    results.network = [
        Rate("a container", "direct", 100.0, 1.0, 50.0, 1.0),
        Rate("a container", "VIP", 95.0, 0.951, 45.0, 0.9),
    ]
    results.core = {"10": 200.0, "1000": 210.0}
    results.machine = "a machine"
    page.write(tmp_path / "performance.md", results)
    text = (tmp_path / "performance.md").read_text()
    assert "| crash | replaced_s | 0.500 | 0.200 (0.100 – 1.8) | 2.50× | 0.180 | 1.11× | met |" in text
    assert "| a container | VIP | 95 | 95.1% | 45 | 90.0% |" in text
    assert "{" not in text
    assert (tmp_path / "performance.svg").read_text().count("<circle") == 9
