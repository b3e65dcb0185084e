"""A count of points that two processes share: skerryd passes them, and whoever plays the crash sets where."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import threading
from pathlib import Path

_NUMBERS = struct.Struct("=qq")
"""How many points were passed, and how many are left until the end; 0 for no end."""
NAME_SIZE = 240


class Counter:
    """In a file, which is made where there is none."""

    def __init__(self, path: Path) -> None:
        size = _NUMBERS.size + NAME_SIZE
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(handle, size)
            self._memory = mmap.mmap(handle, size)
        finally:
            os.close(handle)
        self._lock = threading.Lock()

    @property
    def passed(self) -> int:
        """Since it was set."""
        return int(_NUMBERS.unpack_from(self._memory)[0])

    @property
    def last(self) -> str:
        """The point at which the process ended; empty where it has not."""
        return self._memory[_NUMBERS.size :].rstrip(b"\0").decode()

    def set(self, left: int = 0) -> None:
        """Begin to count; the process that passes the `left`-th point from now on ends there."""
        _NUMBERS.pack_into(self._memory, 0, 0, left)
        self._memory[_NUMBERS.size :] = bytes(NAME_SIZE)

    def passes(self, point: str) -> None:
        """Count a point, and end this process if it is the one: as by `kill -9`, wherever its threads are."""
        with self._lock:
            passed, left = _NUMBERS.unpack_from(self._memory)
            _NUMBERS.pack_into(self._memory, 0, passed + 1, max(0, left - 1))
            if left == 1:
                self._memory[_NUMBERS.size :] = point.encode()[:NAME_SIZE].ljust(NAME_SIZE, b"\0")
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()
