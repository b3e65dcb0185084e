"""Fixtures for every test: see tests.world.fixtures."""

from tests.world.fixtures import story_images, story_world, world

__all__ = ["story_images", "story_world", "world"]
