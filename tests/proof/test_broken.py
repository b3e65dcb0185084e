"""A run that breaks counts as failed and is told, and the others go on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.settings import CHECKOUT
from proof.cells import Cell, broken, last_line, proved
from proof.report import write


def undecoded() -> Exception:
    """What an empty line makes of a decoder."""
    try:
        json.loads("")
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.case("A4")
def test_a_broken_run_is_a_failure_that_the_report_names(tmp_path: Path) -> None:
    good = Cell("update, 1", "dns", 3, 0, 0, 0, 1.0, 1.0, 1.0, ())
    bad = broken("gate replaced, 2", undecoded())
    assert proved([good], 60)
    assert not proved([good, bad], 60)
    assert last_line([good, bad]) == "proof: cells=2 requests=3 failed=1 explained=0 reconnects=0"
    write(tmp_path / "proof.md", tmp_path, [good, bad], [])
    page = (tmp_path / "proof.md").read_text()
    assert (
        "| gate replaced, 2 | json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0) |"
        in page
    )
    assert "| gate replaced, 2 | 0 | 1 |" in page
    write(tmp_path / "proof.md", tmp_path, [good], [])
    assert "Broken" not in (tmp_path / "proof.md").read_text()


@pytest.mark.case("A4")
def test_the_last_line_of_a_long_reason_is_told() -> None:
    assert broken("update, 1", AssertionError("docker exited 1:\n…\nno such image")).errors == (
        "no such image",
    )


BREAK = """
import json, sys
from proof import {module} as module
from proof.stack import Stack

def fails(stack, *more, **most):
    json.loads("")

{patch}
sys.argv[1:] = {words}
module.main()
"""


def ended(module: str, patch: str, *words: str) -> tuple[int, str, str]:
    """How a program of the proof ends in which something fails: exit code, output, the last line of it."""
    script = BREAK.format(module=module, patch=patch, words=list(words))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert "Traceback (most recent call last):" in done.stderr
    return done.returncode, done.stdout, done.stdout.strip().splitlines()[-1]


@pytest.mark.case("A4")
@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(900)
def test_the_other_runs_of_a_proof_go_on(tmp_path: Path) -> None:
    two = "2 x start-first, once"
    runs = [f"{action}, {two}" for action in ("update", "gate replaced", "scale")]
    page = tmp_path / "proof.md"
    code, said, last = ended(
        "__main__",
        "Stack._gate_replaced_ = fails",
        "--only",
        *runs,
        "--report",
        str(page),
        "--cells",
        str(tmp_path / "cells"),
    )
    assert code == 1
    assert f"broken: gate replaced, {two}: json.decoder.JSONDecodeError: Expecting value" in said
    assert re.fullmatch(r"proof: cells=27 requests=\d+ failed=1 explained=0 reconnects=\d+", last), said
    assert f"| gate replaced, {two} | json.decoder.JSONDecodeError: Expecting value" in page.read_text()


@pytest.mark.case("A4")
@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(900)
def test_the_other_parts_of_a_handover_go_on() -> None:
    code, said, last = ended("handover", "module.killed = fails", "--seconds", "1")
    assert code == 1
    assert "broken: kills: json.decoder.JSONDecodeError: Expecting value" in said
    assert re.fullmatch(r"handover: seconds=1 kills=0 upgrades=2 requests=\d+ names=\d+ failed=1", last), said
