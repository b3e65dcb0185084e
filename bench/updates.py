"""What an update costs skerryd itself: `python -m bench.updates [--against CHECKOUT] [--profile]`.

One service of one task with a published port and a network of its own is updated again and again, and
skerryd's processor time is read from the kernel. `--against` measures another checkout's skerryd beside this
one, in turn. `--profile` prints where the time goes, by function, which makes everything slower.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench.daemons import SOURCE, profiled, world_of
from bench.peer.wire import Wire
from demo.ending import end_in_order
from harness.images import BOX
from harness.world import World, wait_until

ROUND = 10
"""Updates in a row, before it is the other's turn."""
NAME = "measured"
SETTLE_S = 0.2


class Subject:
    """One skerryd, with the service that is updated."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        world.docker("network", "create", "--driver", "overlay", "front")
        published = ["--publish", "8080:80", "--network", "front", "--update-monitor", "1ms"]
        # as process 1 it does not heed SIGTERM, and its end is not what is measured
        published += ["--stop-signal", "SIGKILL"]
        server = ("httpd", "-f", "-p", "80")  # listens at once: who never does keeps its update waiting
        world.docker("service", "create", "--detach", "--name", NAME, *published, BOX, *server)
        self._engine = Wire(world.run_dir / "engine.sock")
        self._api = Wire(world.socket)
        self._updates = 0
        wait_until(lambda: len(self._running()) == 1, "it runs", 90)

    def _running(self) -> list[str]:
        """The containers that run, as the engine says: skerryd is not asked."""
        rows = self._engine.call("GET", "/containers/json")
        return [row["Id"] for row in rows if row["Labels"].get("com.docker.swarm.service.name") == NAME]

    def spent_ms(self) -> float:
        """Processor time of skerryd so far."""
        words = Path(f"/proc/{self.world.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def updates(self, count: int) -> float:
        """Milliseconds of skerryd's for each of so many updates."""
        before = self.spent_ms()
        for _ in range(count):
            self._update()
        return (self.spent_ms() - before) / count

    def _update(self) -> None:
        old = self._running()
        self._updates += 1
        service = self._api.service(NAME)
        service["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] = [f"N={self._updates}"]
        version = service["Version"]["Index"]
        self._api.call("POST", f"/services/{NAME}/update?version={version}", service["Spec"])

        def replaced() -> bool:
            running = self._running()
            return len(running) == 1 and running != old

        wait_until(replaced, f"update {self._updates} is through", 90)
        time.sleep(SETTLE_S)  # each look at its state costs as much as it measures
        wait_until(lambda: self._state() == "completed", f"update {self._updates} has ended", 90)

    def _state(self) -> str:
        return str(self._api.service(NAME).get("UpdateStatus", {}).get("State"))


@contextlib.contextmanager
def subject(source: str) -> Iterator[Subject]:
    """A skerryd of the checkout whose `src` this is."""
    with world_of(source) as world:
        yield Subject(world)


def compare(rounds: int, other: str) -> None:
    """Both in turn; the median of the rounds."""
    with subject(SOURCE) as mine, subject(f"{other}/src") as theirs:
        for measured in (mine, theirs):
            measured.updates(ROUND)  # warm
        figures = [(mine.updates(ROUND), theirs.updates(ROUND)) for _ in range(rounds)]
    here, there = (statistics.median(column) for column in zip(*figures, strict=True))
    print(
        f"bench-updates: {here:.1f} ms of skerryd's for an update, there {there:.1f} ms: {here / there:.0%}"
    )


def profile(rounds: int) -> None:
    """Where the time goes, by function."""
    with profiled() as (source, end), subject(source) as measured:
        measured.updates(ROUND * rounds)
        end(measured.world)


def main() -> None:
    """Measure and print."""
    end_in_order()
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", metavar="CHECKOUT", default="")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.profile:
        profile(options.rounds)
    elif options.against:
        compare(options.rounds, str(Path(options.against).absolute()))
    else:
        with subject(SOURCE) as measured:
            measured.updates(ROUND)
            spent = statistics.median(measured.updates(ROUND) for _ in range(options.rounds))
        print(f"bench-updates: {spent:.1f} ms of skerryd's for an update")


if __name__ == "__main__":
    main()
