"""All items: each is set up once on either system, and played in turn."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from bench.peer import boxes, floor, idle, story
from bench.peer.story import Play
from bench.peer.systems import System

Item = Callable[[System], AbstractContextManager[Play]]

ITEMS: dict[str, Item] = {
    "story-update": story.story_update,
    "quick-stop-first": story.quick_update("stop-first"),
    "quick-start-first": story.quick_update("start-first"),
    "web-update": story.web_update,
    "first-deploy": story.first_deploy,
    "scale-2-20": boxes.scale_20,
    "scale-0-100": boxes.scale_100,
    "update-50": boxes.update_50,
    "crash": boxes.crash,
    "idle-100": idle.idle,
    "listings": boxes.listings,
    "redeploy": story.redeploy,
}

FLOORS: dict[str, Item] = {
    "story-update": floor.replaced("stop-first", floor.APP),
    "quick-stop-first": floor.replaced("stop-first", floor.APP),
    "quick-start-first": floor.replaced("start-first", floor.APP),
    "web-update": floor.replaced("start-first", floor.WEB),
    "first-deploy": floor.first_deploy,
    "scale-2-20": floor.scaled(18, 18, "up_s", "down_s"),
    "scale-0-100": floor.scaled(100, 20),
    "update-50": floor.replaced("stop-first", floor.FIFTY),
    "crash": floor.restarted,
    "idle-100": idle.bare,
}
"""What the same takes on the bare engine, where that says something."""
