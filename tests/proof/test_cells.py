"""What counts as failed, as explained, and as proved."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from proof.__main__ import EXPLAINED
from proof.cells import Cell, Explanation, Request, cell, last_line, proved, quantile
from proof.plan import CLIENTS, PROXIED, runs
from proof.report import write

WHY = [Explanation("task crash, *", ["TCP echo"], 2, "open in the process that was killed")]


def requests(*outcomes: str) -> list[Request]:
    return [Request(float(at), 10.0 * (at + 1), "TCP echo", one, one) for at, one in enumerate(outcomes)]


def test_figures() -> None:
    found = cell("update, 1", "TCP echo", requests("ok", "ok", "reconnected", "ok"), WHY)
    assert (found.requests, found.failed, found.explained, found.reconnects) == (4, 0, 0, 1)
    assert (found.p50, found.p99, found.slowest) == (30.0, 40.0, 40.0)


def test_only_so_many_failures_of_that_run_and_client_are_explained() -> None:
    three = requests("failed", "failed", "failed")
    crash = cell("task crash, 2 x start-first, once", "TCP echo", three, WHY)
    assert (crash.failed, crash.explained) == (1, 2)
    assert cell("update, 2", "TCP echo", three, WHY).failed == 3
    assert cell("task crash, 2", "dns", three, WHY).failed == 3


def test_what_is_proved() -> None:
    good = cell("a", "x", requests("ok"), [])
    excused = cell("task crash, 1", "TCP echo", requests("failed"), WHY)
    assert proved([good, excused], 1)
    assert not proved([good, excused], 0)
    assert not proved([good, cell("a", "x", requests("failed"), [])], 60)
    assert not proved([good, cell("a", "x", [], [])], 60), "a client that asked nothing proves nothing"
    assert not proved([], 60)
    assert last_line([good, excused]) == "proof: cells=2 requests=2 failed=0 explained=1 reconnects=0"


def test_quantiles() -> None:
    assert quantile([], 0.5) == 0.0
    assert quantile([7.0], 0.99) == 7.0
    assert quantile([float(one) for one in range(100)], 0.99) == 99.0


def test_the_plan_has_enough_cells_and_every_explanation_is_of_use() -> None:
    names = [str(run) for run in runs(short=False)]
    assert len(set(names)) == len(names)
    assert len(names) * len(CLIENTS) >= 400
    for one in msgspec.json.decode(EXPLAINED.read_bytes(), type=list[Explanation]):
        assert one.reason
        assert set(one.clients) <= {*CLIENTS, *PROXIED}
        assert any(name.startswith(one.run.rstrip("*")) for name in names)


def test_the_page_and_what_is_left_beside_it(tmp_path: Path) -> None:
    cells: list[Cell] = [cell("update, 1", client, requests("ok", "failed"), []) for client in CLIENTS]
    page = tmp_path / "new" / "proof.md"
    folder = tmp_path / "data" / "proof"
    write(page, folder, cells, WHY)
    assert last_line(cells) in page.read_text()
    with (folder / "cells.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["client"] for row in rows] == list(CLIENTS)
    assert {(row["run"], row["requests"], row["failed"]) for row in rows} == {("update, 1", "2", "1")}
    plot = ElementTree.parse(folder / "plot.svg").getroot()
    assert len(plot.findall("{http://www.w3.org/2000/svg}circle")) == 2 * len(CLIENTS)
