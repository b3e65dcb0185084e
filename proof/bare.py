"""What stacks have in common of which not every service has a health check."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from harness.world import wait_until
from proof.stack import LONG_S, Stack


class BareStack(Stack):
    """A change is through when its tasks run."""

    def _both(self, act: Callable[[str], object], *, replaces: bool, replicas: int | None = None) -> None:
        """Do something to all services, and wait until it is through."""
        count = self.setting.replicas if replicas is None else replicas
        before = {task["ID"] for name in self.services for task in self.world.api().live(name)}
        for name in self.services:
            act(name)

        def through(name: str) -> bool:
            tasks = self.world.api().live(name)
            fresh = not replaces or not any(task["ID"] in before for task in tasks)
            runs = all(task["Status"]["State"] == "running" for task in tasks)
            return len(tasks) == count and runs and fresh and self._settled(name)

        for name in self.services:
            wait_until(partial(through, name), f"{name} has changed", LONG_S)
