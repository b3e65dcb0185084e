"""Fixtures for tests that need a whole skerry; tests/conftest.py brings them to every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.genuine import clear, genuine
from harness.images import story_tar
from harness.net import run
from harness.world import World


@pytest.fixture(scope="session")
def story_images() -> Path:
    """The tar with the story's images, built now if it is not kept."""
    return story_tar()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One world for the tests of a module, with the image box:1 and swarm mode on."""
    with World(images=["box"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        yield world


@pytest.fixture(scope="module")
def story_world(story_images: Path) -> Iterator[World]:
    """The same with the story's images."""
    with World(images=["box", "story"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        yield world


@pytest.fixture(scope="session")
def lasting_genuine_swarm() -> Iterator[Path]:
    """The socket of a genuine Docker Swarm with the image box:1, for all tests of a process."""
    with genuine() as socket:
        run("docker", "-H", f"unix://{socket}", "swarm", "init", "--advertise-addr", "10.99.0.2")
        yield socket


@pytest.fixture
def genuine_swarm(lasting_genuine_swarm: Path) -> Iterator[Path]:
    """The same for one test, to hold an answer of ours against its: what the test leaves there is removed,
    so that the next one finds what it would find alone."""
    yield lasting_genuine_swarm
    clear(lasting_genuine_swarm)
