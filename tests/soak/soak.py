"""The soak: a service is updated once a second, and what skerry holds is looked at four times."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import astuple, dataclass, fields

from harness.world import World, wait_until
from skerry.cli.client import Refused, UnixConnection
from skerry.logs import LIMIT
from tests.soak.measure import Measure, measure

COMMAND = ["sh", "-c", "trap exit TERM; while true; do sleep 0.1; done"]
WARM_UP = 0.3
"""The share of the load in which updates come quicker, so that the caches of a bounded size (4,096 instants
in words, 256 events) fill, and the allocator has its arenas."""
QUICK_S = 0.15
SLACK = Measure(rss_kb=1024, fds=8, db_kb=1024, log_kb=2 * LIMIT // 1024, rows=10)
"""How much more may be there at the end than after the warm-up, and still be flat."""


@dataclass(frozen=True)
class Result:
    """The four looks: at the begin, when warm, at the end of the load, and after the quiet."""

    updates: int
    looks: tuple[Measure, Measure, Measure, Measure]

    @property
    def line(self) -> str:
        """All figures."""
        columns = zip(*(astuple(look) for look in self.looks), strict=True)
        pairs = zip(fields(Measure), columns, strict=True)
        figures = " ".join(f"{field.name}={'→'.join(map(str, values))}" for field, values in pairs)
        return f"soak: updates={self.updates} {figures}"

    @property
    def failures(self) -> list[str]:
        """What is not flat, in words."""
        _, warm, loaded, quiet = self.looks
        found = []
        for field in fields(Measure):
            before, slack = getattr(warm, field.name), getattr(SLACK, field.name)
            for when, look in (("load", loaded), ("quiet", quiet)):
                after = getattr(look, field.name)
                if after > before + slack:
                    found.append(f"{field.name} {before} when warm, {after} at the end of the {when}")
        return found


class Updates:
    """One service, updated again and again over one kept connection, as a deployment tool would."""

    def __init__(self, world: World) -> None:
        self._connection = UnixConnection(str(world.socket), 60)
        self.count = 0

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def call(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """A request. Raises Refused unless it is answered with success."""
        data = json.dumps(body) if body is not None else None
        self._connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise Refused(answer.status, content.decode())
        found: dict[str, object] = json.loads(content) if content else {}
        return found

    def once(self) -> None:
        """Update it; again where something else was written at that moment."""
        while True:
            try:
                self._update()
            except Refused as error:
                if "out of sequence" not in str(error):
                    raise
            else:
                return

    def _update(self) -> None:
        """Another environment: both tasks are replaced."""
        service = self.call("GET", "/services/web")
        spec, version = service["Spec"], service["Version"]
        assert isinstance(spec, dict)
        assert isinstance(version, dict)
        spec["TaskTemplate"]["ContainerSpec"]["Env"] = [f"NUMBER={self.count}"]
        self.call("POST", f"/services/web/update?version={version['Index']}", spec)
        self.count += 1

    def for_seconds(self, seconds: float, every_s: float = 1.0) -> None:
        """One after the other at this pace, or as quick as they are answered."""
        end = time.monotonic() + seconds
        due = time.monotonic()
        while due < end:
            self.once()
            due += every_s
            time.sleep(max(0.0, due - time.monotonic()))


def soak(load_s: float, quiet_s: float) -> Result:
    """Play it in a world of its own."""
    with World(images=["box"]) as world, closing(Updates(world)) as updates:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        world.docker("network", "create", "--driver", "overlay", "n")
        updates.call("POST", "/services/create", _spec())
        wait_until(lambda: "web  2/2" in world.skerry("status", check=False), "web runs", 120)
        begin = measure(world)
        updates.for_seconds(load_s * WARM_UP, QUICK_S)
        warm = measure(world)
        updates.for_seconds(load_s * (1 - WARM_UP))
        loaded = measure(world)
        wait_until(
            lambda: "web  2/2  nothing to do" in world.skerry("status", check=False),
            "the last update is done",
            300,
        )
        time.sleep(quiet_s)
        return Result(updates.count, (begin, warm, loaded, measure(world)))


def _spec() -> dict[str, object]:
    container = {"Image": "box:1", "Command": COMMAND, "StopGracePeriod": 1_000_000_000}
    return {
        "Name": "web",
        "TaskTemplate": {"ContainerSpec": container, "Networks": [{"Target": "n"}]},
        "Mode": {"Replicated": {"Replicas": 2}},
        "UpdateConfig": {"Parallelism": 1, "Monitor": 1_000_000},
        "EndpointSpec": {"Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080}]},
    }
