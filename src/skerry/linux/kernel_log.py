"""What the kernel has said of late (/dev/kmsg; Linux, Documentation/ABI/testing/dev-kmsg)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

KMSG = "/dev/kmsg"
RECORD = 8192
"""Bytes; no record has more."""
_SEPARATORS = re.compile(r"[/,=\s]|docker-|\.scope")
"""What stands around a container's ID in the path of its control group, of either kind."""


def killed_for_memory(container: str) -> bool:
    """Whether the kernel killed a process of a container (its whole ID) for its memory. What it said long
    ago is overwritten; where nothing can be read, nothing is known."""
    try:
        return tells_of(container, _records())
    except OSError:
        return False


def tells_of(container: str, records: Iterable[str]) -> bool:
    """Whether one of the records is of such a kill."""
    kills = (record for record in records if "oom-kill:" in record)
    return any(container in _SEPARATORS.split(record) for record in kills)


def _records() -> Iterator[str]:
    """All that is there, the oldest first."""
    kmsg = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            try:
                yield os.read(kmsg, RECORD).decode(errors="replace")
            except BrokenPipeError:  # overwritten just now: the next read begins with what is there
                continue
            except BlockingIOError:
                return
    finally:
        os.close(kmsg)
