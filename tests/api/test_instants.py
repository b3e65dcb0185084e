"""Instants of requests: timestamps, dates and durations as Docker reads them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from skerry.api.instants import moment

HOUR = 3600 * 10**9
NOW = 1_795_448_028_517_000_000
WHOLE = 1_795_448_028_000_000_000
MIDNIGHT = 1_795_392_000  # 2026-11-23T00:00:00Z


@contextmanager
def zone(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.case("F15")
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1h", WHOLE - HOUR),
        ("1.5h", WHOLE - 3 * HOUR // 2),
        ("1h30m", WHOLE - 3 * HOUR // 2),
        ("+.5h", WHOLE - HOUR // 2),
        ("-1h", WHOLE + HOUR),
        ("0s", WHOLE),
        ("100us", WHOLE),
        ("0", 0),
        ("1795448028", WHOLE),
        ("1795448028.517", NOW),
        ("-5", -5 * 10**9),
        ("2026-11-23Z", MIDNIGHT * 10**9),
        ("2026-11-23+01:00", (MIDNIGHT - 3600) * 10**9),
        ("2026-11-23T01Z", (MIDNIGHT + 3600) * 10**9),
        ("2026-11-23T01:02Z", (MIDNIGHT + 3720) * 10**9),
        ("2026-11-23T01:02-01:00", (MIDNIGHT + 7320) * 10**9),
        ("2026-11-23T01:02:03Z", (MIDNIGHT + 3723) * 10**9),
        ("2026-11-23T01:02:03.000000004Z", (MIDNIGHT + 3723) * 10**9 + 4),
        ("2026-11-23T01:02:03.5+02:00", (MIDNIGHT - 3477) * 10**9 + 5 * 10**8),
        # without a zone, as this machine's clock shows it: two hours east
        ("2026-11-23", (MIDNIGHT - 7200) * 10**9),
        ("2026-11-23T01", (MIDNIGHT - 3600) * 10**9),
        ("2026-11-23T01:02:03.5", (MIDNIGHT - 3477) * 10**9 + 5 * 10**8),
    ],
)
def test_a_moment_in_every_form(text: str, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with zone("EAST-2", monkeypatch):
        assert moment(text, NOW) == at


@pytest.mark.case("F15")
@pytest.mark.parametrize(
    "text", ["", "abc", "1d", "24x", "1h ", "1e3", "1.2.3", "2026-13-01", "2026-11-23T25"]
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"parsing|month|hour"):
        moment(text, NOW)
