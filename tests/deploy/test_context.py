"""Commands for another place: a skerry by a docker context or a host, and a Docker Engine that is none."""

from __future__ import annotations

import pytest

from harness.genuine import genuine
from harness.net import run
from harness.world import World, wait_until
from tests.deploy.stage import Deploying

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

FILE = """
    name: there
    services:
      web: {image: "box:1", init: true, command: sleep 1000000}
"""


def test_a_stack_is_deployed_to_the_skerry_behind_a_context(world: World) -> None:
    stage = Deploying(world)
    file, nowhere = str(stage.write(FILE)), ("--run-dir", str(world.root / "nowhere"))
    host = f"unix://{world.socket}"
    world.docker("context", "create", "other", "--docker", f"host={host}")
    said = world.run("skerry", "deploy", "--file", file, "--context", host, *nowhere)
    assert "there: release 1 converged" in said
    said = world.run("skerry", "deploy", "--file", file, "--context", "other", *nowhere)
    assert "there: nothing to do" in said
    line = ("skerry", "exec", "--context", "other", *nowhere, "there/web", "echo", "hello")
    assert world.run(*line).strip() == "hello"
    assert "there: stop done" in world.run("skerry", "stop", "there", "--context", "other", *nowhere)
    assert "stopped by root" in world.run("skerry", "why", "there", "--context", host, *nowhere)
    said = world.run("skerry", "ps", "--context", "gone", *nowhere, check=False)
    assert "gone is neither a docker context nor a host" in said
    assert "skerry is not running" in world.run("skerry", "ps", *nowhere, check=False)
    stage.clear("there")


def test_what_is_no_skerry_is_told_by_a_sentence_and_scaled_all_the_same(world: World) -> None:
    stage = Deploying(world)
    file = str(stage.write(FILE))
    with genuine() as socket:
        place = ("--context", f"unix://{socket}")
        docker = ("docker", "--host", f"unix://{socket}")
        run(*docker, "swarm", "init", "--advertise-addr", "127.0.0.1")
        said = world.run("skerry", "deploy", "--file", file, *place, check=False)
        assert f"unix://{socket} is Docker " in said
        assert "without skerry, and knows no stacks as a whole" in said
        assert f"There, {' '.join(docker)} stack deploy takes the file" in said
        run(*docker, "service", "create", "--detach", "--name", "web", "box:1")
        assert "web: scaled to 2" in world.run("skerry", "scale", "web=2", *place)
        replicas = (*docker, "service", "ls", "--format", "{{.Replicas}}")
        wait_until(lambda: run(*replicas).strip() == "2/2", "it has two replicas")
        world.run("skerry", "restart", "web", *place)
