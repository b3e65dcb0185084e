"""What others say, as a terminal may show it."""

from __future__ import annotations


def on_one_line(text: str) -> str:
    """Text of another machine's, without what would begin a line or steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
