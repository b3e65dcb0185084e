"""The log of a service with a terminal, from a real engine: in the order of time, and whole."""

from __future__ import annotations

import re

import pytest

from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(90)]

LONG = 20_000
"""More than the engine keeps in one piece."""
SAY = f"""
for number in 1 2 3 4; do echo line $number; busybox sleep 0.2; done
busybox head -c {LONG} /dev/zero | busybox tr '\\0' x; echo
echo done
exec busybox sleep 1000
"""


def logs(world: World, query: str) -> str:
    return world.run(
        "curl", "-s", "--unix-socket", str(world.socket), f"http://d/v1.41/services/tty/logs?stdout=1{query}"
    )


def test_lines_of_two_terminals_come_in_the_order_of_time(world: World) -> None:
    place = ("--tty", "--replicas", "2", "--stop-grace-period", "0s")
    world.docker("service", "create", "--detach", "--name", "tty", *place, "box:1", "sh", "-c", SAY)
    wait_until(lambda: logs(world, "").count("done\n") == 2, "both have said all")
    said = logs(world, "")
    assert sorted(said.split("\n")) == sorted(
        2 * [*(f"line {number}" for number in range(1, 5)), "x" * LONG, "done"] + [""]
    )
    stamped = logs(world, "&timestamps=1&details=1&tail=3")
    stamps = [line.split(" ")[0] for line in stamped.splitlines()]
    assert stamps == sorted(stamps)
    pattern = r"\S+Z com\.docker\.swarm\.node\.id=\w+,com\.docker\.swarm\.service\.id=\w+,\S+ done"
    assert len(re.findall(pattern, stamped)) == 2
    assert world.docker("service", "logs", "--raw", "tty").count("line 3") == 2
    world.docker("service", "rm", "tty")
    wait_until(lambda: not world.docker("ps", "-aq"), "it is gone")
