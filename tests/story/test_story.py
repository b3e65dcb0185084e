"""The story of `make demo`, told in a namespace: plain, and where the machine makes it harder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.images import base_tar
from harness.net import INSIDE
from harness.world import World
from tests.story.stack import FIREWALL

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

LAST = re.compile(
    r"story: requests=\d+ failed=0 reconnects=\d+ slowest_ms=\d+"
    r" app_update_s=[\d.]+ web_update_s=[\d.]+ rollback_s=[\d.]+ scale_s=[\d.]+"
)


@pytest.fixture
def empty() -> Iterator[World]:
    """A machine without a skerry: the story starts its own."""
    base_tar()
    with World(up=False) as world:
        yield world


def told(world: World, *words: str) -> dict[str, Any]:
    """The result of a story that must end well."""
    result = world.root / "result.json"
    said = world.tell_story("--result", str(result), *words)
    assert LAST.fullmatch(said.strip().splitlines()[-1])
    found: dict[str, Any] = json.loads(Path(result).read_text())
    assert found["problems"] == []
    return found


def test_the_whole_story_and_then_nothing_is_left(empty: World) -> None:
    result = told(empty)
    assert result["replaced"] >= 12
    assert not empty.run_dir.exists()
    assert not empty.data_dir.exists()


def test_the_story_without_bridge_netfilter(empty: World) -> None:
    empty.net.sysctl("net.bridge.bridge-nf-call-iptables", "0")
    told(empty, "--short")


def test_the_story_from_outside_of_a_firewall(empty: World) -> None:
    rules = empty.root / "firewall.nft"
    rules.write_text(FIREWALL)
    empty.run("nft", "-f", str(rules))
    told(empty, "--short", "--host", INSIDE, "--client-netns", empty.net.outside)
