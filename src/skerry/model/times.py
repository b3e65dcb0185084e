"""Instants and durations as Docker writes them. All are integer nanoseconds here."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from skerry.model.defaults import SECOND

NO_TIME = "0001-01-01T00:00:00Z"

UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
LONGEST = 2**63 - 1
"""Nanoseconds: what a duration of Go's can hold, some 292 years."""


@lru_cache(4096)  # a list shows the same instants each time
def timestamp(ns: int) -> str:
    """RFC 3339 with up to nine digits of a second, trailing zeros trimmed; 0 is Go's zero time."""
    if not ns:
        return NO_TIME
    seconds, rest = divmod(ns, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"


def instant(text: str) -> int:
    """Nanoseconds since the epoch of a time that the engine wrote; 0 where it is none, or Go's zero time."""
    whole, _, rest = text.rstrip("Z").partition(".")
    try:
        seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
        return max(0, seconds * SECOND + int(rest[:9].ljust(9, "0")))
    except ValueError:
        return 0


def duration(text: str) -> int:
    """Nanoseconds of a duration as Go writes it, e.g. `1m30s` or `0`. Raises ValueError."""
    if text == "0":
        return 0
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"invalid duration {text!r}: something like 30s, 1m30s or 500ms is meant")
    lengths = [float(number) * UNITS[unit] for number, unit in parts]
    if sum(lengths) > LONGEST:
        raise ValueError(f"invalid duration {text[:40]!r}: it is longer than 292 years")
    return sum(map(round, lengths))


def in_words(ns: int) -> str:
    """A duration for a person: `12 s`, `10 min`, `1.5 s`."""
    if ns >= 60 * SECOND and ns % (60 * SECOND) == 0:
        return f"{ns // (60 * SECOND)} min"
    seconds = ns / SECOND
    return f"{seconds:.0f} s" if seconds >= 10 or ns % SECOND == 0 else f"{seconds:.1f} s"
