"""Instants as requests name them, read as Docker reads them. All are integer nanoseconds."""

from __future__ import annotations

import re
from datetime import datetime

from skerry.model.defaults import SECOND
from skerry.model.times import UNITS

_INTEGER = re.compile(r"[+-]?\d+")
_DURATION = re.compile(r"(?P<sign>[+-]?)(?P<parts>(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+)")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d(?::\d\d(?::\d\d(?P<fraction>[.,]\d+)?)?)?)?(?P<zone>Z|[+-]\d\d:\d\d)?"
)


def timestamp(text: str) -> int:
    """`1795448028.517`: seconds since the epoch. Raises ValueError with Go's words."""
    seconds, dot, fraction = text.partition(".")
    whole = _integer(seconds) * SECOND
    return whole + round(_integer(fraction) * 10.0 ** (9 - len(fraction))) if dot else whole


def moment(text: str, now: int) -> int:
    """A timestamp, a date of RFC 3339 or the beginning of one (`2026-11-27`, `2026-11-27T08:30Z`), or a
    duration before `now`, which counts in whole seconds (`1.5h`). Raises ValueError for what is none."""
    before = _duration(text)
    if before is not None:
        return (now - before) // SECOND * SECOND
    date = _DATE.fullmatch(text)
    return timestamp(text) if date is None else _date(text, date["zone"], date["fraction"] or "")


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    number = int(text)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": value out of range')
    return number


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
