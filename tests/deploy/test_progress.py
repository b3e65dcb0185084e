"""How far a release has come, from the daemon's lines; and how that looks."""

from __future__ import annotations

import io
import json

from rich.console import Console

from skerry.cli.deploy.progress import DeployProgress, told
from skerry.cli.deploy.views import LiveView, view_of
from skerry.model.objects import Raw


def line(service: str, phase: str, ready: int = 0, wanted: int = 2, reason: str = "") -> Raw:
    return {"Service": service, "Phase": phase, "Ready": ready, "Wanted": wanted, "Reason": reason}


def test_a_service_is_timed_from_when_it_no_longer_waits() -> None:
    progress = DeployProgress()
    progress.apply(line("app", "waits", reason="db is to be healthy"), 0.0)
    progress.apply(line("app", "starting"), 5.0)
    progress.apply(line("app", "ready", 1), 6.0)
    assert progress.services["app"].seconds(7.0) == 2.0
    progress.apply(line("app", "done", 2), 8.0)
    assert progress.services["app"].seconds(100.0) == 3.0
    assert progress.outcome is None


def test_the_last_line_is_the_outcome() -> None:
    progress = DeployProgress()
    progress.apply({"Release": 3, "State": "rolled back", "Reason": "no"}, 1.0)
    assert progress.outcome == {"Release": 3, "State": "rolled back", "Reason": "no"}


def test_a_line_for_a_log() -> None:
    assert told(line("app", "starting", 1, 2, "the check fails")) == "app  starting  1/2  the check fails"
    assert told(line("app", "done", 2, 2)) == "app  done  2/2"


def shown(*, terminal: bool, as_json: bool) -> str:
    out, progress = io.StringIO(), DeployProgress()
    console = Console(file=out, force_terminal=terminal, width=100, color_system=None, legacy_windows=False)
    view = view_of(console, as_json=as_json)
    for at, one in enumerate(
        [line("app", "waits", reason="for db"), line("app", "ready", 1), line("app", "done", 2)]
    ):
        progress.apply(one, at)
        view.show(one, progress, at)
    view.tick(progress, 9.0)
    view.close()
    return out.getvalue()


def test_without_a_terminal_there_is_a_line_per_change() -> None:
    assert (
        shown(terminal=False, as_json=False) == "app  waits  0/2  for db\napp  ready  1/2\napp  done  2/2\n"
    )


def test_json_is_the_daemons_own() -> None:
    lines = [json.loads(text) for text in shown(terminal=True, as_json=True).splitlines()]
    assert lines == [line("app", "waits", reason="for db"), line("app", "ready", 1), line("app", "done", 2)]


def test_on_a_terminal_a_table_is_drawn_anew() -> None:
    assert isinstance(view_of(Console(file=io.StringIO(), force_terminal=True), as_json=False), LiveView)
    text = shown(terminal=True, as_json=False)
    assert "for db" in text
    assert "done" in text.rpartition("ready")[2]
    assert "1.0 s" in text  # from ready to done
