"""The events that are kept: a file of JSON lines, which is cut to the newest when it has twice as many.

It is no part of the state: what is lost of it with the power costs a sentence, and no commit waits for it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from skerry.model.event import EVENTS_KEPT, Event


class EventFile:
    """One writer, and readers at any time. Blocks; raises OSError."""

    def __init__(self, path: Path, kept: int = EVENTS_KEPT) -> None:
        self._path = path
        self._kept = kept
        self._count: int | None = None

    def append(self, events: Sequence[Event]) -> None:
        """Add these at the end."""
        if self._count is None:
            self._count = len(self._lines())
        with open(self._path, "ab", opener=_private) as file:
            if file.tell() and not self._ends_whole():
                file.write(b"\n")  # the power went away in the middle of a line
            file.write(b"".join(msgspec.json.encode(event) + b"\n" for event in events))
        self._count += len(events)
        if self._count > 2 * self._kept:
            self._cut()

    def read(self) -> list[Event]:
        """The newest, oldest first. A line that is damaged is left out."""
        events = []
        for line in self._lines()[-self._kept :]:
            try:
                events.append(msgspec.json.decode(line, type=Event))
            except msgspec.DecodeError:
                continue
        return events

    def _lines(self) -> list[bytes]:
        try:
            return self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []

    def _ends_whole(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def _cut(self) -> None:
        """Leave the newest in the file, from one moment to the next."""
        lines = self._lines()[-self._kept :]
        draft = self._path.with_name(f"{self._path.name}.new")
        draft.unlink(missing_ok=True)
        with open(draft, "xb", opener=_private) as file:
            file.write(b"".join(line + b"\n" for line in lines))
        draft.replace(self._path)
        self._count = len(lines)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
