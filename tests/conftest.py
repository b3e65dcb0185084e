"""Fixtures and marks for every test: see harness.fixtures and tests.cases.plugin."""

from harness.fixtures import genuine_swarm, lasting_genuine_swarm, story_images, story_world, world
from tests.cases.plugin import pytest_addoption, pytest_collection_modifyitems, pytest_configure

__all__ = [
    "genuine_swarm",
    "lasting_genuine_swarm",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "story_images",
    "story_world",
    "world",
]
