"""What why, logs and events print of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.cli import events, logs, why
from skerry.cli.logs import COLOURS, LogWish, Shown
from skerry.model.settings import Settings

CAUSE: dict[str, Any] = {
    "kind": "oom",
    "of": "web.1",
    "sentence": "it ran out of memory",
    "evidence": ["exit code 137 (SIGKILL)"],
    "advice": ["give it more"],
    "log": ["eating", "still hungry"],
    "past": False,
}


def answer(*causes: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "service", "name": "web", "state": "0 of 1 tasks run", "causes": list(causes)}


def test_a_cause_with_its_evidence_and_advice() -> None:
    assert list(why.in_words(answer(CAUSE))) == [
        "service web: 0 of 1 tasks run",
        "",
        "web.1: it ran out of memory",
        "    exit code 137 (SIGKILL)",
        "    | eating",
        "    | still hungry",
        "  → give it more",
    ]


def test_what_is_over_is_told_as_over() -> None:
    assert "nothing is wrong with it" in list(why.in_words(answer()))
    assert "nothing is wrong with it now; before:" in list(why.in_words(answer({**CAUSE, "past": True})))


def test_an_event_is_a_line() -> None:
    row = {"time": "2026-11-28T12:00:01.5Z", "text": "web.1 is ready", "trouble": False}
    assert events.in_words(row).endswith("web.1 is ready\x1b[0m")
    assert events.in_words(row).startswith("2026-11-28 12:00:01  ")


def test_a_service_has_one_colour() -> None:
    assert logs.colour("web") == logs.colour("web")
    assert {logs.colour(f"s{number}") for number in range(100)} == set(COLOURS)


def row(task: str, time: str, line: str) -> dict[str, Any]:
    return {"id": task, "task": task, "service": "web", "time": time, "line": line}


def wish(**more: Any) -> LogWish:
    plain: dict[str, Any] = {
        "names": ("web",), "follow": False, "since": "", "until": "", "since_deploy": False, "tail": "all",
        "grep": "", "as_json": False, "timestamps": False,
    }  # fmt: skip
    return LogWish(**{**plain, **more})


def rows_of(
    monkeypatch: pytest.MonkeyPatch, sent: list[dict[str, Any]], shown: Shown, wanted: LogWish
) -> list[str]:
    monkeypatch.setattr(logs, "_asked", lambda settings, wish, shown: iter(sent))
    monkeypatch.setattr("skerry.cli.daemon_process.running_pid", lambda settings: 1)
    return [one["line"] for one in logs._rows(Settings(), wanted, shown)]


def test_a_stream_that_is_taken_up_again_leaves_out_what_was_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = "2026-01-01T00:00:01.000000000Z", "2026-01-01T00:00:02.000000000Z"
    sent = [row("a", one, "1"), row("b", one, "2"), row("a", two, "3"), row("a", two, "4")]
    shown = Shown()
    assert rows_of(monkeypatch, sent[:3], shown, wish(follow=True)) == ["1", "2", "3"]
    assert rows_of(monkeypatch, sent, shown, wish(follow=True)) == ["4"]


def test_a_tail_counts_the_lines_that_match(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [
        row("a", f"2026-01-01T00:00:0{second}.000000000Z", f"{second} {second % 2}") for second in range(8)
    ]
    assert rows_of(monkeypatch, sent, Shown(), wish(grep=" 1$", tail="2")) == ["5 1", "7 1"]
    later = row("a", "2026-01-01T00:00:09.000000000Z", "9 1")
    assert rows_of(monkeypatch, [*sent, {}, later], Shown(), wish(grep=" 1$", tail="1", follow=True)) == [
        "7 1",
        "9 1",
    ]
