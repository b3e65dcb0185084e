"""Bytes in JSON: base64 as Go reads it, line breaks allowed."""

from __future__ import annotations

import base64

ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def read(text: str) -> bytes:
    """The bytes. Raises ValueError, in Go's words, with the place of the fault."""
    try:
        return base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except ValueError:
        raise ValueError(f"illegal base64 data at input byte {_fault(text)}") from None


def written(data: bytes) -> str:
    """The text that stands for bytes."""
    return base64.b64encode(data).decode()


def _fault(text: str) -> int:
    """Where Go's decoder stops: at the odd character, or at the start of the group that is cut short."""
    group: list[int] = []
    for place, char in enumerate(text):
        if char in "\r\n":
            continue
        if char == "=":
            return _padding_fault(text, place, len(group))
        if char not in ALPHABET:
            return place
        group = [*group, place] if len(group) < 4 else [place]
    return len(text) - len(group) % 4


def _padding_fault(text: str, place: int, before: int) -> int:
    """The fault at or after the first padding, `before` characters into its group."""
    if before % 4 in (0, 1):
        return place
    rest = [index for index in range(place + 1, len(text)) if text[index] not in "\r\n"]
    if before == 2:
        if not rest:
            return len(text)
        if text[rest[0]] != "=":
            return rest[0] - 1
        rest = rest[1:]
    return rest[0] if rest else len(text)
