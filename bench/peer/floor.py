"""The floor: what the engine's own create, start and stop take at the same parallelism, and nothing else.

No orchestrator on this engine can be quicker than that. Where a task has to answer before it is ready, the
floor waits until it does.
"""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from bench.peer.boxes import BOX
from bench.peer.events import Deaths
from bench.peer.story import Play
from bench.peer.systems import System
from bench.peer.wire import Wire
from skerry.linux.netns import RUN_NETNS, inside

PREFIX = "skerry-floor"
LOOK_S = 0.005
ANSWERS_S = 20.0


@dataclass(frozen=True)
class Kind:
    """What is replaced: how many containers of an image, how many at a time, and where each answers."""

    image: str
    number: int
    parallel: int
    command: tuple[str, ...] = ()
    port: int = 0
    """0: it is ready once it is started."""


APP = Kind("story-app:1.0.0", 2, 1, port=8080)
WEB = Kind("story-web:1.0.0", 1, 1, ("nginx", "-g", "daemon off;"), port=80)
FIFTY = Kind("box:1", 50, 10, tuple(BOX))


class Floor:
    """Containers made by hand on a bare engine, on one network, without health checks."""

    def __init__(self, system: System, network: str = "bridge") -> None:
        self._network = network
        self._socket: Path = system.engine_socket
        self._netns = RUN_NETNS / system.net.inside

    def create(self, name: str, kind: Kind = FIFTY) -> None:
        Wire(self._socket).call("POST", f"/containers/create?name={PREFIX}-{name}", self.body(name, kind))

    def body(self, name: str, kind: Kind) -> Any:
        """What is asked for; `name` makes no difference to containers of a kind."""
        host: dict[str, object] = {"NetworkMode": self._network}
        if kind is WEB:  # its own site looks for a host named app
            host["ExtraHosts"] = ["app:127.0.0.1"]
        body = {"Image": kind.image, "Healthcheck": {"Test": ["NONE"]}, "HostConfig": host}
        return body | ({"Cmd": list(kind.command)} if kind.command else {})

    def start(self, name: str) -> None:
        Wire(self._socket).call("POST", f"/containers/{PREFIX}-{name}/start")

    def stop(self, name: str) -> None:
        Wire(self._socket).call("POST", f"/containers/{PREFIX}-{name}/stop?t=10")

    def remove(self, name: str) -> None:
        Wire(self._socket).call("DELETE", f"/containers/{PREFIX}-{name}?force=1")

    def launch(self, name: str, kind: Kind = FIFTY) -> None:
        self.create(name, kind)
        self.start(name)
        self.answers(name, kind)

    def answers(self, name: str, kind: Kind) -> None:
        """Until the container answers, if it is of a kind that does."""
        if not kind.port:
            return
        seen = Wire(self._socket).call("GET", f"/containers/{PREFIX}-{name}/json")
        address = seen["NetworkSettings"]["Networks"][self._network]["IPAddress"]
        deadline = time.monotonic() + ANSWERS_S
        while not inside(self._netns, lambda: _answers(address, kind.port)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not answer")
            time.sleep(LOOK_S)

    def at_once(self, work: Callable[[str], None], names: Sequence[str], parallel: int) -> float:
        """Seconds for all of them, so many at a time."""
        begin = time.monotonic()
        with ThreadPoolExecutor(max_workers=parallel) as pool:
            list(pool.map(work, names))
        return time.monotonic() - begin


def _answers(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=2)
    try:
        connection.request("GET", "/healthcheck" if port == APP.port else "/web/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def replaced(order: str, kind: Kind) -> Callable[[System], AbstractContextManager[Play]]:
    """Items 1 to 3 and 6: create the new beside the old, stop the old, start the new; or start it first."""

    @contextmanager
    def item(system: System) -> Iterator[Play]:
        floor, generations = Floor(system), count()
        numbers = [str(number) for number in range(kind.number)]
        first = next(generations)
        floor.at_once(lambda number: floor.launch(f"{first}-{number}", kind), numbers, 8)
        names = [[f"{first}-{number}" for number in numbers]]

        def play() -> dict[str, float]:
            serial = next(generations)
            old = dict(zip(numbers, names[-1], strict=True))

            def replace(number: str) -> None:
                new = f"{serial}-{number}"
                floor.create(new, kind)
                if order == "stop-first":
                    floor.stop(old[number])
                floor.start(new)
                floor.answers(new, kind)
                if order == "start-first":
                    floor.stop(old[number])

            names.append([f"{serial}-{number}" for number in numbers])
            took = floor.at_once(replace, numbers, kind.parallel)
            floor.at_once(floor.remove, names.pop(0), 8)
            return {"s": took}

        try:
            yield play
        finally:
            floor.at_once(floor.remove, [name for row in names for name in row], 8)

    return item


def scaled(
    number: int, parallel: int, up: str = "s", down: str = ""
) -> Callable[[System], AbstractContextManager[Play]]:
    """Item 5: so many containers made and started (figure `up`), and stopped (figure `down`)."""

    @contextmanager
    def item(system: System) -> Iterator[Play]:
        floor = Floor(system)
        names = [f"many-{one}" for one in range(number)]

        def play() -> dict[str, float]:
            try:
                figures = {up: floor.at_once(floor.launch, names, parallel)}
                return figures | ({down: floor.at_once(floor.stop, names, parallel)} if down else {})
            finally:
                floor.at_once(floor.remove, names, 8)

        yield play

    return item


@contextmanager
def first_deploy(system: System) -> Iterator[Play]:
    """Item 4: a network, then the story's three containers at once, until all answer."""
    floor, wire = Floor(system, PREFIX), Wire(system.engine_socket)
    kinds = {"app-1": APP, "app-2": APP, "web": WEB}

    def play() -> dict[str, float]:
        start = time.monotonic()
        network = wire.call("POST", "/networks/create", {"Name": PREFIX})["Id"]
        try:
            floor.at_once(lambda name: floor.launch(name, kinds[name]), list(kinds), 3)
            return {"s": time.monotonic() - start}
        finally:
            floor.at_once(floor.remove, list(kinds), 3)
            wire.call("DELETE", f"/networks/{network}")

    yield play


@contextmanager
def restarted(system: System) -> Iterator[Play]:
    """Item 7: one container made and started, while nothing else happens and while the engine clears up after
    another that was killed."""
    floor, wire = Floor(system), Wire(system.engine_socket)
    with Deaths(system) as deaths:

        def play() -> dict[str, float]:
            try:
                alone = floor.at_once(floor.launch, ["victim"], 1)
                victim = wire.call("GET", f"/containers/{PREFIX}-victim/json")
                os.kill(victim["State"]["Pid"], signal.SIGKILL)
                died = deaths.at(victim["Id"])
                floor.launch("successor")
                return {"replaced_s": alone, "beside_clearing_s": time.time() - died}
            finally:
                floor.at_once(floor.remove, ["victim", "successor"], 2)

        yield play
