"""A world that is served over the network, with two stacks."""

from __future__ import annotations

import pytest

from harness.world import World
from tests.access.remote import ADDRESS, Remote

OTHER = """
services:
  web:
    image: box:1
    environment: [DB_PASSWORD=hunter2, PLAIN=seen]
    secrets: [word]
    stop_grace_period: 1s
networks:
  default: {}
secrets:
  word: {file: ./word}
"""


@pytest.fixture(scope="module")
def served(world: World) -> World:
    """Another stack runs there already."""
    world.skerry("serve", ADDRESS)
    (world.root / "word").write_text("hush-hush")
    (world.root / "other.yml").write_text('version: "3.8"\n' + OTHER)
    world.docker("stack", "deploy", "--compose-file", str(world.root / "other.yml"), "other")
    return world


@pytest.fixture(scope="module")
def ci(served: World) -> Remote:
    """Who may deploy the stack `shop` with images of box."""
    return Remote.added(served, "ci", "deploy:shop", "--image", "box", "--network", "public_*")
