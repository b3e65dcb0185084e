"""One world for all of these: they leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.world import World


@pytest.fixture(scope="package")
def world() -> Iterator[World]:
    """A skerry in swarm mode with the image box:1."""
    with World(images=["box"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "10.99.0.2")
        yield world
