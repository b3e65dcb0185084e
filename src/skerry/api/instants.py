"""Instants as requests name them, read as Docker reads them. All are integer nanoseconds."""

from __future__ import annotations

import re
from datetime import datetime

from skerry.model.defaults import SECOND
from skerry.model.go import timestamps
from skerry.model.times import UNITS

_DURATION = re.compile(r"(?P<sign>[+-]?)(?P<parts>(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)", re.ASCII)
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)", re.ASCII)
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d(?::\d\d(?::\d\d(?P<fraction>[.,]\d+)?)?)?)?(?P<zone>Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)


def moment(text: str, now: int) -> int:
    """A timestamp, a date of RFC 3339 or the beginning of one (`2026-11-27`, `2026-11-27T08:30Z`), or a
    duration before `now`, which counts in whole seconds (`1.5h`). Raises ValueError for what is none."""
    before = _duration(text)
    if before is not None:
        return (now - before) // SECOND * SECOND
    date = _DATE.fullmatch(text)
    return timestamps.parse(text) if date is None else _date(text, date["zone"], date["fraction"] or "")


def _duration(text: str) -> int | None:
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    length = sum(round(float(number) * UNITS[unit]) for number, unit in _PART.findall(match["parts"]))
    return -length if match["sign"] == "-" else length


def _date(text: str, zone: str | None, fraction: str) -> int:
    """The instant of a date; one without a zone is meant as this machine's clock shows it."""
    bare = text.removesuffix(zone or "").removesuffix(fraction)
    when = datetime.fromisoformat(bare + ("" if "T" in bare else "T00") + (zone or ""))
    return int(when.timestamp()) * SECOND + int(fraction[1:10].ljust(9, "0"))
