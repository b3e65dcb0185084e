"""How skerry's processes write their log: one line an entry, keys behind the words, to standard error.

And what a log says last, for whoever tells why a process did not start.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import structlog


def log_to_stderr(level: int = logging.INFO) -> None:
    """Set the log up, once, at the start of a process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.StackInfoRenderer(),
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


def last_words(log: Path) -> str:
    """The last line of a log that is not empty; "no log" or "no word" where there is none."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "no log"
    return next((line for line in reversed(lines) if line.strip()), "no word")
