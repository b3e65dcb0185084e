"""Instants in queries, as Docker reads them: seconds since the epoch, with a fraction behind a point."""

from __future__ import annotations

from skerry.model.go import strconv

SECOND = 1_000_000_000


def parse(text: str) -> int:
    """Nanoseconds of `1795448028.517`. Raises NumError."""
    seconds, point, fraction = text.partition(".")
    whole = strconv.parse_int(seconds) * SECOND
    if not point:
        return whole
    scale: int = 10 ** len(fraction)
    return whole + strconv.parse_int(fraction) * SECOND // scale
