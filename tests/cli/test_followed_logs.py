"""Logs while twenty tasks are replaced: nothing is lost, nothing comes twice, all is in the order of time."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

REPLICAS, ROUNDS = 4, 5
TALK = "i=0; while true; do echo $HOSTNAME $i; echo $HOSTNAME $i >> /out/said; i=$((i+1)); sleep 0.05; done"
QUICK = ("--stop-signal", "SIGKILL", "--update-parallelism", "2", "--update-monitor", "10ms")
AT_ONCE = ("--label", "skerry.ready.timeout=0s", "--update-delay", "0s")


@contextmanager
def following(world: World, line: list[str], name: str) -> Iterator[Path]:
    """A command that is left running; where its output is."""
    out = world.root / name
    with out.open("wb") as file:
        process = subprocess.Popen(world.net.within(line), stdout=file, stderr=file, env=world.env)
        try:
            yield out
        finally:
            process.terminate()
            process.wait(30)


def test_twenty_tasks_are_replaced_while_followed(world: World) -> None:
    said = world.root / "out"
    said.mkdir()
    mount = f"type=bind,source={said},target=/out"
    create = ("service", "create", "--detach=false", "--quiet", "--name", "talker", "--mount", mount)
    world.docker(*create, *QUICK, *AT_ONCE, "--replicas", str(REPLICAS), "box:1", "sh", "-c", TALK)
    ours = world.command("logs", "--follow", "--json", "talker")
    theirs = ["docker", "--host", f"unix://{world.socket}", "service", "logs", "--follow", "--raw", "talker"]
    with following(world, ours, "ours") as one, following(world, theirs, "theirs") as other:
        wait_until(lambda: one.stat().st_size and other.stat().st_size, "the first lines came")
        for _ in range(ROUNDS):
            world.docker("service", "update", "--force", "--detach=false", "--quiet", "talker")
        last = world.skerry("logs", "--json", "--tail", "7", "talker")
        world.docker("service", "scale", "--detach=false", "talker=0")
        written = Counter((said / "said").read_text().splitlines())
        hosts = {line.split()[0] for line in written}
        assert len(hosts) == REPLICAS * (ROUNDS + 1)
        wait_until(lambda: not written - of_ours(one), "all came by skerry logs", 60)
        wait_until(lambda: not written - Counter(whole(other)), "all came by docker service logs", 60)
        rows = [json.loads(line) for line in whole(one)]
        told = whole(other)
    assert [count for count in Counter(row["line"] for row in rows).values() if count != 1] == []
    assert [count for count in Counter(told).values() if count != 1] == []
    times = [row["time"] for row in rows]
    assert times == sorted(times)
    of_the_end = [json.loads(line)["time"] for line in last.splitlines()]
    assert len(of_the_end) == 7
    assert of_the_end == sorted(of_the_end)
    assert set(of_the_end) <= set(times)
    world.docker("service", "rm", "talker")


def whole(file: Path) -> list[str]:
    """The lines that have ended."""
    return file.read_text().rpartition("\n")[0].splitlines()


def of_ours(file: Path) -> Counter[str]:
    return Counter(str(json.loads(line)["line"]) for line in whole(file))
