"""A step of the move that breaks counts as failed and is told, and the others go on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, cast

import pytest

from tests.outgrow import __main__ as outgrow
from tests.outgrow.stage import Checks, Stage


@pytest.mark.case("A4")
def test_the_other_steps_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks(both: Stage, checks: Checks) -> None:
        raise KeyError("node2")

    def looks(both: Stage, checks: Checks) -> None:
        checks("the stack runs", True)

    checks, both = Checks(), cast(Stage, None)
    for step in (breaks, looks):
        outgrow._take(step, both, checks)
    assert checks.count == 2
    assert checks.failed == ["breaks came to its end: KeyError: 'node2'"]
    assert "the stack runs\n" in capsys.readouterr().out


@pytest.mark.case("A4")
def test_a_stage_that_breaks_is_counted_and_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def falls(**more: Any) -> Any:
        raise AssertionError("no engine answers")
        yield

    monkeypatch.setattr(outgrow, "stage", falls)
    monkeypatch.setattr(outgrow, "story_tar", lambda: None)
    monkeypatch.setattr(outgrow, "end_in_order", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("sys.argv", ["outgrow"])
    assert outgrow.main() == 1
    said = capsys.readouterr().out
    assert "FAIL  1 the stage came to its end: AssertionError: no engine answers" in said
    assert "outgrow: nodes=3 services=0 checks=1 failed=1" in said
