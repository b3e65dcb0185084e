"""The benchmark's short form: figures come out of both systems and nothing fails; no time is asserted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.peer.results import load
from demo.settings import CHECKOUT

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


def test_the_short_form(tmp_path: Path, story_images: Path) -> None:
    results = tmp_path / "results.json"
    words = ["--rounds", "1", "--only", "quick-start-first crash", "--results", str(results)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.peer", *words, "--page", str(tmp_path / "performance.md")],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"bench: items=2 met=[0-2] broken=0", done.stdout.splitlines()[-1])
    found = load(results)
    assert set(found.items) == {"quick-start-first", "crash"}
    for item, rounds in found.items.items():
        for system in ("swarm", "skerry", "floor"):
            assert all(value > 0 for key in ("s", "replaced_s") for value in rounds[system].get(key, ())), (
                item
            )
            assert rounds[system]
    ours = found.items["quick-start-first"]["skerry"]
    assert ours["failed"] == [0.0]
    assert ours["requests"][0] > 0
    assert "| crash | replaced_s |" in (tmp_path / "performance.md").read_text()


BREAK = """
import sys
from contextlib import contextmanager
from bench.peer import __main__ as bench
from bench.peer.items import ITEMS

@contextmanager
def breaks(system):
    raise RuntimeError("on purpose")
    yield

ITEMS["quick-start-first"] = breaks
sys.argv[1:] = ["--rounds", "1", "--only", "quick-start-first crash", "--results", {results!r}]
bench.main()
"""


@pytest.mark.case("A4")
@pytest.mark.slow
def test_the_other_items_go_on_where_one_breaks(tmp_path: Path, story_images: Path) -> None:
    results = tmp_path / "results.json"
    script = BREAK.format(results=str(results))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
    assert done.returncode == 1
    assert "broken: quick-start-first: RuntimeError: on purpose" in done.stderr
    assert re.fullmatch(r"bench: items=1 met=[01] broken=1", done.stdout.splitlines()[-1])
    found = load(results)
    assert set(found.items) == {"crash"}
    assert found.broken == {"quick-start-first": "RuntimeError: on purpose"}
