"""One stack for all tests around it: what a test changes, it leaves so that the others find a whole one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.world import World, wait_until
from tests.story.stack import APP, STRANGER, WEB, running


@pytest.fixture(scope="session")
def stack(story_images: Path) -> Iterator[World]:
    """The story's stack, deployed and running, and a container on a network of its own beside it."""
    assert story_images.exists()
    with World(images=["box", "story"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        world.deploy()
        world.docker("network", "create", "--driver", "overlay", "other")
        world.docker("service", "create", "--detach", "--name", STRANGER, "--network", "other", "box:1")
        wait_until(lambda: len(running(world, APP)) == 2, "app runs")
        wait_until(lambda: len(running(world, WEB)) == 1, "web runs")
        wait_until(lambda: len(running(world, STRANGER)) == 1, "the stranger runs")
        yield world
