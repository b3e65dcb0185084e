"""How skerry's processes write their log: one line an entry, keys behind the words, to standard error.

A log never grows without end, and never ends what it tells of: a file that skerry itself made is begun anew
at a size, what repeats is counted, and a disk that takes no line loses lines and nothing else. And what a log
says last, for whoever tells why a process did not start.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

LIMIT = 10_000_000
"""Bytes of a log file; the one before it is kept beside it, as `.1`."""
MODE = 0o640
REPEATED_S = 60.0
"""A warning that says what one said within this time is only counted."""
REMEMBERED = 1000
VARYING = ("again_in_s", "exc_info")
"""Keys that make no difference between two entries."""
STDERR = 2


def log_to_stderr(own: Path | None = None, level: int = logging.INFO) -> None:
    """Set the log up, once, at the start of a process. `own` is the file that standard error may be: where it
    is that, it is kept within bounds; a terminal, a journal or somebody else's file is left as it is."""
    stream = cast("TextIO", LogStream(own))
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(asctime)s [%(name)s] %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            Repetitions(),
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.StackInfoRenderer(),
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
    )


class LogStream:
    """Standard error, as far as a logger needs a stream. Nothing that it does raises."""

    def __init__(self, own: Path | None, limit: int = LIMIT, descriptor: int = STDERR) -> None:
        self._own = own
        self._limit = limit
        self._descriptor = descriptor
        with suppress(OSError):
            if self._is_own():
                os.fchmod(descriptor, MODE)

    def write(self, text: str) -> int:
        """Write a whole entry, to a fresh file where the one before is full."""
        with suppress(OSError):
            self._keep_within_bounds()
        with suppress(OSError):
            os.write(self._descriptor, text.encode(errors="replace"))
        return len(text)

    def flush(self) -> None:
        """It is written already."""

    def _is_own(self) -> bool:
        return self._own is not None and os.path.samestat(os.fstat(self._descriptor), self._own.stat())

    def _keep_within_bounds(self) -> None:
        if self._own is None or os.fstat(self._descriptor).st_size < self._limit:
            return
        former = self._own.with_name(f"{self._own.name}.1")
        here = os.fstat(self._descriptor)
        if self._own.exists() and os.path.samestat(self._own.stat(), here):
            self._own.replace(former)
        elif not (former.exists() and os.path.samestat(former.stat(), here)):
            return  # a file of somebody else's
        fresh = os.open(self._own, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)
        os.dup2(fresh, self._descriptor)
        os.close(fresh)


def keep_within_bounds(log: Path, limit: int = LIMIT) -> None:
    """The same for a log that another program appends to: its end is copied away, and it is emptied."""
    with suppress(OSError):
        log.chmod(MODE)
        if log.stat().st_size < limit:
            return
        former = log.with_name(f"{log.name}.1")
        with suppress(OSError):
            shutil.copyfile(log, former)
            former.chmod(MODE)
        os.truncate(log, 0)


@dataclass
class Repetition:
    """When a warning was last written, and how often it came since."""

    at: float
    since: int = 0


class Repetitions:
    """A processor: what was just said is not said again, but how often it came is."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[str, Repetition] = {}

    def __call__(
        self, logger: Any, method: str, entry: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        """Drop an entry, or let it pass with the count of those like it that were dropped."""
        if method not in ("warning", "error", "exception"):
            return entry
        key = repr(sorted((name, str(value)) for name, value in entry.items() if name not in VARYING))
        now = self._now()
        repetition = self._seen.get(key)
        if repetition is not None and now - repetition.at < REPEATED_S:
            repetition.since += 1
            raise structlog.DropEvent
        if repetition is not None and repetition.since:
            entry["repeated"] = repetition.since
        self._remember(key, now)
        return entry

    def _remember(self, key: str, now: float) -> None:
        if len(self._seen) >= REMEMBERED:
            self._seen = {
                key: repetition for key, repetition in self._seen.items() if now - repetition.at < REPEATED_S
            }
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen[key] = Repetition(now)


def last_words(log: Path) -> str:
    """The last line of a log that is not empty; "no log" or "no word" where there is none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "no log"
    return next((line for line in reversed(lines) if line.strip()), "no word")
