"""Logs of tasks on a real engine, and beside a genuine Swarm."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.net import run
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


@pytest.mark.case("F3")
def test_tasks_that_end_at_once_have_their_containers_and_logs(world: World) -> None:
    names = [f"quick{number}" for number in range(5)]
    for name in names:
        create = ["service", "create", "-d", "--restart-condition", "none", "--name", name]
        world.docker(*create, "box:1", "sh", "-c", f"echo {name}; exit 3")
    for name in names:
        wait_until(lambda name=name: ended(world, name), f"{name} has ended", 60)  # type: ignore[misc]
        assert world.api().tasks(name)[0]["Status"]["ContainerStatus"]["ContainerID"]
        assert name in world.docker("service", "logs", "--raw", name)
    world.docker("service", "rm", *names)


def ended(world: World, service: str) -> bool:
    return [task["Status"]["State"] for task in world.api().tasks(service)] == ["failed"]


@pytest.mark.slow
@pytest.mark.case("F11")
def test_the_log_drivers_details_are_told_as_by_a_swarm(world: World, genuine_swarm: Path) -> None:
    options = ["--log-opt", "env=asdf,b.c", "--log-opt", "labels=l1,l2", "--log-opt", "tag=x y"]
    given = ["--env", "asdf=x y", "--env", "b.c=1", "--container-label", "l1=v,1", "--container-label", "l2="]
    line = ["--restart-condition", "none", "--log-driver", "json-file", *options, *given]

    def logs(socket: Path) -> str:
        docker = ["docker", "-H", f"unix://{socket}"]
        command = ["box:1", "sh", "-c", "echo hello; echo; echo ' two'"]
        run(*docker, "service", "create", "-d", "--name", "told", *line, *command)
        show = ["curl", "-s", "--unix-socket", str(socket)]
        show += ["http://d/v1.41/services/told/logs?stdout=1&details=1"]
        wait_until(lambda: "two" in run(*show), "the lines are there", 60)
        text = re.sub(r"id=[0-9a-z]{25}", "id=ID", run(*show))
        run(*docker, "service", "rm", "told")
        return text

    assert logs(world.socket) == logs(genuine_swarm)
