"""A world that is made ready for something, and goes with whatever came of it."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from harness.world import World


class Stage:
    """A context manager: `make` what is played on, `close` it. What breaks while it is made is told with the
    logs of the world."""

    def __init__(self) -> None:
        self.world = World(up=False)

    def __enter__(self) -> Self:
        self.world.__enter__()
        try:
            self.make()
        except BaseException:
            print(self.world.logs())
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def make(self) -> None:
        """All that there is beside the world itself, which does not run yet."""
        raise NotImplementedError

    def close(self) -> None:
        """Everything goes."""
        self.world.close()
