"""`skerry history` and `skerry rollback` on a real engine."""

from __future__ import annotations

import json

import pytest

from harness.world import World, wait_until
from tests.deploy.stage import Deploying, events

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

FILE = """
    name: book
    services:
      web:
        image: box:1
        init: true
        command: sleep 1000000
        environment: {VERSION: "${VERSION:-1}"}
        deploy: {update_config: {order: start-first, monitor: 100ms}}
"""


def version(stage: Deploying) -> str:
    """What the container of the service has."""
    env = stage.container("book_web")["Config"]["Env"]
    return next(str(entry) for entry in env if entry.startswith("VERSION="))


def test_a_stack_and_a_service_go_back(world: World) -> None:
    stage = Deploying(world)
    stage.write(FILE)
    for number in ("1", "2", "3"):
        stage.write(f"VERSION={number}\n", ".env")
        stage.deployed()

    code, said = stage.skerry("rollback", "book", "--plan")
    assert code == 2, said
    assert "ContainerSpec.Env[VERSION]  3 → 2" in said
    code, said = stage.skerry("rollback", "book")
    assert code == 0, said
    assert "book: release 4 converged" in said
    assert version(stage) == "VERSION=2"
    code, said = stage.skerry("rollback", "book", "--json")
    assert code == 0, said
    assert events(said)[-1]["State"] == "converged"
    assert version(stage) == "VERSION=1", "a second time goes further back"
    assert stage.skerry("rollback", "book")[0] == 4, "there is nothing before it"

    rows = events(stage.skerry("history", "book", "--json")[1])
    assert [(row["Number"], row["Restores"], row["Current"]) for row in rows] == [
        (1, 0, False),
        (2, 0, False),
        (3, 0, False),
        (4, 2, False),
        (5, 1, True),
    ]
    lines = stage.skerry("history", "book")[1].splitlines()
    assert lines[0].split() == ["NUMBER", "WHEN", "BY", "ENDED", "CHANGED"]
    assert lines[-1].startswith("5*")
    assert "converged in " in lines[-1]
    assert lines[-1].endswith("book_web rolled (rollback to release 1)")

    code, said = stage.skerry("rollback", "book/web", "--to", "3")
    assert code == 0, said
    assert "book_web: back to what revision 3 was; revision 6 begins" in said
    assert "book_web: revision 6 converged" in said
    assert version(stage) == "VERSION=3"
    rows = [json.loads(line) for line in stage.skerry("history", "book_web", "--json")[1].splitlines()]
    assert [(row["Number"], row["By"], row["Outcome"]["State"]) for row in rows] == [
        (number, "root", "converged") for number in range(1, 7)
    ]
    assert rows[-1]["Changes"] == "rollback to 3: Env"
    assert stage.skerry("rollback", "book/web", "--to", "99")[0] == 4
    stage.clear("book")
    wait_until(lambda: stage.services() == {}, "it is gone")
