"""The floor: what the engine's own create, start and stop take at the same parallelism, and nothing else.

No orchestrator on this engine can be quicker than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.peer.items import BOX
from bench.peer.systems import System
from bench.peer.wire import Wire

PREFIX = "skerry-floor"


class Floor:
    """Containers made by hand on a system's engine."""

    def __init__(self, system: System) -> None:
        self._socket: Path = system.engine_socket

    def create(self, name: str, image: str = "box:1", command: Sequence[str] = BOX) -> None:
        """As the agent creates it: no network but the default, no health check by the engine."""
        body = {"Image": image, "Healthcheck": {"Test": ["NONE"]}}
        body |= {"Cmd": list(command)} if command else {}
        Wire(self._socket).call("POST", f"/containers/create?name={PREFIX}-{name}", body)

    def start(self, name: str) -> None:
        Wire(self._socket).call("POST", f"/containers/{PREFIX}-{name}/start")

    def stop(self, name: str) -> None:
        Wire(self._socket).call("POST", f"/containers/{PREFIX}-{name}/stop?t=10")

    def remove(self, name: str) -> None:
        Wire(self._socket).call("DELETE", f"/containers/{PREFIX}-{name}?force=1")

    def launch(self, name: str, image: str = "box:1", command: Sequence[str] = BOX) -> None:
        self.create(name, image, command)
        self.start(name)

    def at_once(self, work: Callable[[str], None], names: Sequence[str], parallel: int) -> float:
        """Seconds for all of them, so many at a time."""
        begin = time.monotonic()
        with ThreadPoolExecutor(max_workers=parallel) as pool:
            list(pool.map(work, names))
        return time.monotonic() - begin


def replace_one_by_one(system: System) -> float:
    """Items 1 and 2: twice create the new one beside the old one, stop the old one, start the new one."""
    floor = Floor(system)
    old, new = ["old-1", "old-2"], ["new-1", "new-2"]
    floor.at_once(floor.launch, old, 2)

    def replace(number: str) -> None:
        floor.create(f"new-{number}")
        floor.stop(f"old-{number}")
        floor.start(f"new-{number}")

    try:
        return floor.at_once(replace, ["1", "2"], 1)
    finally:
        floor.at_once(floor.remove, [*old, *new], 4)


def start_many(count: int, parallel: int) -> Callable[[System], float]:
    """Item 5: so many containers."""

    def measure(system: System) -> float:
        floor = Floor(system)
        names = [f"many-{number}" for number in range(count)]
        try:
            return floor.at_once(floor.launch, names, parallel)
        finally:
            floor.at_once(floor.remove, names, 8)

    return measure


def replace_ten_at_a_time(system: System) -> float:
    """Item 6: 50 containers."""
    floor = Floor(system)
    numbers = [str(number) for number in range(50)]
    floor.at_once(lambda number: floor.launch(f"old-{number}"), numbers, 8)

    def replace(number: str) -> None:
        floor.create(f"new-{number}")
        floor.stop(f"old-{number}")
        floor.start(f"new-{number}")

    try:
        return floor.at_once(replace, numbers, 10)
    finally:
        floor.at_once(floor.remove, [f"{age}-{one}" for age in ("old", "new") for one in numbers], 8)


FLOORS: dict[str, Callable[[System], float]] = {
    "story-update": replace_one_by_one,
    "quick-update-stop-first": replace_one_by_one,
    "scale-2-20": start_many(18, 18),
    "scale-0-100": start_many(100, 20),
    "update-50": replace_ten_at_a_time,
    "crash": start_many(1, 1),
}
"""The floor of an item, in seconds."""
