"""Fixtures and hooks for every test."""

from harness.fixtures import genuine_swarm, lasting_genuine_swarm, story_images, story_world, world
from tests.cases.plugin import pytest_addoption, pytest_collection_modifyitems, pytest_configure
from tests.support.coroutines import pytest_pyfunc_call

__all__ = [
    "genuine_swarm",
    "lasting_genuine_swarm",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_pyfunc_call",
    "story_images",
    "story_world",
    "world",
]
