"""Versions of the Docker Engine API, as pairs that compare."""

from __future__ import annotations

Version = tuple[int, int]


def read_version(text: str) -> Version:
    """`1.41` as a pair; a minor number that is missing is 0."""
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)
