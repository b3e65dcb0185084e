"""`skerry why`, `events`, `logs` and `status` as a user meets them, on a real engine."""

from __future__ import annotations

import json

import pytest

from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

FILE = """
services:
  good: {image: "box:1", command: sleep 100000, stop_signal: SIGKILL, labels: {a: b}}
  bad:
    image: "box:1"
    command: sh -c "echo no such table; exit 3"
    deploy: {restart_policy: {condition: none}}
"""


def test_a_stack_of_which_one_service_fails(world: World) -> None:
    file = world.root / "shop.yml"
    file.write_text(FILE)
    world.docker("stack", "deploy", "--detach=true", "--compose-file", str(file), "shop")
    wait_until(lambda: "no such table" in world.skerry("why", "shop"), "it is explained", 60)
    said = world.skerry("why", "shop_bad")
    assert "shop_bad.1: its program ended with exit code 3" in said
    wait_until(lambda: "shop_good  1/1" in world.skerry("status", check=False), "the other one runs", 60)
    code, screen = world.attempt("status")
    assert code == 1
    assert "stack   shop  1 of 2 services are well" in screen
    assert "look    shop_bad: its program ended with exit code 3" in screen
    assert "→ skerry why shop_bad" in screen
    assert "\nnode    " in screen
    assert "\ndisk    " in screen
    wait_until(lambda: "shop_bad.1 failed: its program" in world.skerry("events", "shop"), "it is told", 30)
    rows = [
        json.loads(line) for line in world.skerry("events", "--json", "--kind", "failed", "shop").splitlines()
    ]
    assert [(row["subject"], row["stack"], row["trouble"]) for row in rows] == [("shop_bad.1", "shop", True)]
    assert world.skerry("logs", "shop").splitlines() == ["shop_bad.1 | no such table"]
    world.docker("container", "prune", "--force")
    assert "no such table" in world.skerry("why", "shop_bad"), "its container is gone"
    world.kill_skerryd()
    world.up()
    assert "no such table" in world.skerry("why", "shop_bad"), "skerryd is another"
    assert "shop_bad.1 failed: its program" in world.skerry("events")
    assert world.attempt("why", "nobody")[0] == 1
    world.docker("stack", "rm", "shop")
