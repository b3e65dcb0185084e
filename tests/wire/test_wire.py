"""`make wire` in its short form."""

from __future__ import annotations

import re

import pytest

from harness.world import World
from tests.wire.fuzz import Fuzz
from tests.wire.sdk import sdk

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


def test_the_sdk(world: World) -> None:
    sdk(world)


def test_bad_input_is_answered(world: World) -> None:
    pid = world.pid
    fuzz = Fuzz(world.socket)
    fuzz.run(1500)
    assert fuzz.crashes == []
    assert fuzz.asked >= 1400
    assert world.pid == pid
    sdk(world)


def test_the_description_names_every_owned_route(world: World) -> None:
    paths = Fuzz(world.socket).json("GET", "/openapi.json")["paths"]
    assert {"/services/create", "/tasks", "/swarm/init", "/distribution/{ref}/json"} <= set(paths)
    assert all(re.fullmatch(r"(/[\w{}.]+)+", path) for path in paths)
