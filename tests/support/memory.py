"""A store without a disk, and a clock that a test moves."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from skerry.core.view import View
from skerry.store.store import Change, Store


class Memory:
    """Persistence that keeps nothing but the commits, for a look at them."""

    def __init__(self, view: View | None = None) -> None:
        self.view = view or View()
        self.commits: list[tuple[Change, ...]] = []
        self.locked = False
        self._free = threading.Event()
        self._free.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it a write takes as long as it does."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()

    def unlock(self, key: str) -> None:
        """Any key fits."""
        self.locked = False

    def load(self) -> View:
        """What the test began with."""
        return self.view

    def write(self, index: int, changes: tuple[Change, ...]) -> None:
        """Remember a commit."""
        self._free.wait()
        self.commits.append(changes)

    def mend(self, view: View) -> str:
        """Memory is not removed."""
        return ""

    def close(self) -> None:
        """Nothing to let go of."""


class Clock:
    """Nanoseconds that move when told to."""

    def __init__(self, now: int = 1_000_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def memory_store(view: View | None = None, clock: Clock | None = None) -> Store:
    """A store whose IDs are counted."""
    ids = (f"id{number:023}" for number in itertools.count(1))
    return Store(Memory(view), clock or Clock(), lambda: next(ids))
