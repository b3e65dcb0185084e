"""A run that breaks counts as failed and is told, and the others go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proof import handover
from proof.__main__ import played
from proof.cells import WHOLE, Cell, broken, last_line, proved
from proof.handover import Part
from proof.plan import Run, Setting
from proof.report import write
from proof.stack import Stack


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
    write(tmp_path / "proof.md", [good, bad], [])
    page = (tmp_path / "proof.md").read_text()
    assert (
        "| gate replaced, 2 | json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0) |"
        in page
    )
    assert "| gate replaced, 2 | 0 | 1 |" in page
    write(tmp_path / "proof.md", [good], [])
    assert "Broken" not in (tmp_path / "proof.md").read_text()


@pytest.mark.case("A4")
def test_the_last_line_of_a_long_reason_is_told() -> None:
    assert broken("update, 1", AssertionError("docker exited 1:\n…\nno such image")).errors == (
        "no such image",
    )


@pytest.mark.case("A4")
@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(900)
def test_the_other_runs_of_a_proof_go_on(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(stack: Stack) -> None:
        raise undecoded()

    monkeypatch.setattr(Stack, "_gate_replaced_", fails)
    two = Setting(2, "start-first", "once")
    cells = played([Run(action, two) for action in ("update", "gate replaced", "scale")], [], None)
    assert [one.run for one in cells if one.client == WHOLE] == [str(Run("gate replaced", two))]
    assert {one.run for one in cells if one.requests} == {str(Run("update", two)), str(Run("scale", two))}
    assert not proved(cells, 60)
    said = capfd.readouterr()
    assert f"broken: {Run('gate replaced', two)}: json.decoder.JSONDecodeError: Expecting value" in said.out
    assert "Traceback" in said.err


@pytest.mark.case("A4")
@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.timeout(900)
def test_the_other_parts_of_a_handover_go_on(capfd: pytest.CaptureFixture[str]) -> None:
    def fails(stack: Stack) -> int:
        raise undecoded()

    found = handover.play([Part("kills", fails), Part("upgrades", handover.upgraded)])
    assert found.broken == 1
    assert found.counts == {"upgrades": 2}
    assert found.requests
    assert "broken: kills: json.decoder.JSONDecodeError: Expecting value" in capfd.readouterr().out
