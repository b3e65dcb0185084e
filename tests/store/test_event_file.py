"""The events that are kept: the newest, whole, whatever happened to the file."""

from __future__ import annotations

import stat
from pathlib import Path

from skerry.model.event import Event
from skerry.store.event_file import EventFile


def some(first: int, last: int) -> list[Event]:
    return [Event(number, "test", f"event {number}") for number in range(first, last)]


def test_what_is_written_is_read_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert EventFile(path).read() == []
    EventFile(path).append(some(0, 3))
    EventFile(path).append(some(3, 5))
    assert EventFile(path).read() == some(0, 5)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_only_the_newest_are_kept_and_the_file_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    file = EventFile(path, kept=10)
    for number in range(95):
        file.append(some(number, number + 1))
        assert len(path.read_bytes().splitlines()) <= 20
    assert file.read() == some(85, 95)
    assert EventFile(path, kept=10).read() == some(85, 95)
    assert [one.name for one in tmp_path.iterdir()] == ["events.jsonl"]


def test_a_line_that_the_power_cut_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventFile(path).append(some(0, 2))
    path.write_bytes(path.read_bytes()[:-9])
    EventFile(path).append(some(2, 4))
    assert EventFile(path).read() == [*some(0, 1), *some(2, 4)]
