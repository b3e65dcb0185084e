"""The audit log: a line of JSON for each call that changed something, or that was refused to its caller.

It is a file of its own, so that what was done is still told when the state is restored from a backup. It is
begun anew at a size, and the one before it is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from skerry.model.conditions import Conditions

LIMIT = 10_000_000
"""Bytes of a file; there are two at most."""
MODE = 0o600
CONDITION = "audit log"

Entry = dict[str, Any]
log = structlog.get_logger()


class AuditLog:
    """The file at `path`, and the one before it at `path.1`."""

    def __init__(self, path: Path, conditions: Conditions | None = None, limit: int = LIMIT) -> None:
        self._path = path
        self._former = path.with_name(f"{path.name}.1")
        self._conditions = conditions or Conditions()
        self._limit = limit

    def append(self, entry: Entry) -> None:
        """Write an entry. A disk that takes none stops no call: it stands in the status until it does."""
        line = msgspec.json.encode(entry) + b"\n"
        try:
            self._keep_within_bounds()
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
            try:
                os.fchmod(handle, MODE)
                os.write(handle, line)
            finally:
                os.close(handle)
        except OSError as error:
            self._conditions.set(CONDITION, f"{self._path} can't be written: {error}")
            log.error("not in the audit log", entry=line.decode(), error=str(error))
        else:
            self._conditions.clear(CONDITION)

    def _keep_within_bounds(self) -> None:
        with suppress(FileNotFoundError):
            if self._path.stat().st_size >= self._limit:
                self._path.replace(self._former)

    def entries(self, last: int) -> list[Entry]:
        """The last entries, the oldest of them first."""
        lines = [line for path in (self._former, self._path) for line in _lines(path)]
        return [entry for line in lines[-last:] if (entry := _read(line)) is not None] if last > 0 else []


def _lines(path: Path) -> Iterator[bytes]:
    with suppress(FileNotFoundError):
        yield from path.read_bytes().splitlines()


def _read(line: bytes) -> Entry | None:
    """The entry of a line; None for one that a crash has cut off."""
    with suppress(msgspec.MsgspecError):
        return msgspec.json.decode(line, type=Entry)
    return None
