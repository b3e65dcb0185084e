"""A stack that is stopped and started on a real engine: who connects is refused at once, all else stays."""

from __future__ import annotations

from typing import Any

import pytest

from harness.world import World, wait_until
from tests.stacks.shop import Shop

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

PORT = 8123
HELD = {"skerry.hold.timeout": "2m"}
TOO_LONG_S = "60"
"""Who is held, or hears nothing at all, gives up after so long, and says other words than who is refused."""
RESET = ("Connection reset by peer", "Connection refused", "Couldn't connect", "Empty reply")
REFUSED = (*RESET, "ended with 0", "ended with 1\n")


def test_a_stopped_service_refuses_at_once_and_is_there_again_after_a_start(world: World) -> None:
    shop = Shop(world, "halt")
    web = shop.service("web", "db", ports=[PORT], labels=HELD, Mode={"Replicated": {"Replicas": 2}})
    body = shop.body(shop.service("db", labels=HELD), web, shop.service("probe"))
    assert shop.settled(body)["State"] == "converged"
    before = endpoints(shop)
    assert ask_port(world).startswith("1")
    assert "200 OK" in ask_name(shop, "web")

    code, said = world.attempt("stop", "halt/web", "halt/db", timeout=90)
    assert code == 0, said
    assert "halt_web: stop done" in said
    assert endpoints(shop) == before
    assert replicas(world)["halt_web"] == "0/2"
    for answer in (ask_port(world), ask_name(shop, "web"), ask_name(shop, "db")):
        assert "200 OK" not in answer
        assert any(words in f"{answer}\n" for words in REFUSED), answer
    states = {row["Name"]: row["State"] for row in shop.state()["Services"]}
    assert states == {"halt_db": "stopped", "halt_web": "stopped", "halt_probe": "done"}
    assert "halt_web  0/2  stopped by root at " in world.skerry("status")
    assert "it was stopped by root at " in world.skerry("why", "halt_web")

    world.kill_skerryd()
    world.up()
    assert replicas(world)["halt_web"] == "0/2"
    code, said = world.attempt("start", "halt/web", timeout=90)
    assert code == 0, said
    assert "halt_db: starts" in said, "what it needs starts with it"
    assert ask_port(world).startswith("1")
    assert "200 OK" in ask_name(shop, "web")
    assert endpoints(shop) == before
    said = world.skerry("start", "halt")
    assert said.startswith("halt: nothing to do, it is not stopped\n")
    assert said.endswith("halt: start done\n")
    shop.ask("DELETE")
    wait_until(lambda: not shop.containers(), "its containers are gone")


def endpoints(shop: Shop) -> dict[str, Any]:
    """Where the services are reached, by name."""
    return {name: row["Endpoint"] for name, row in shop.content()["services"].items()}


def replicas(world: World) -> dict[str, str]:
    """As `docker service ls` shows them."""
    rows = world.docker("service", "ls", "--format", "{{.Name}} {{.Replicas}}").splitlines()
    return dict(row.split(maxsplit=1) for row in rows)


def ask_port(world: World) -> str:
    """What the published port answers, or curl says."""
    line = f"curl --silent --show-error --max-time {TOO_LONG_S} http://127.0.0.1:{PORT}/ 2>&1"
    return world.run("sh", "-c", line, check=False, timeout=90)


def ask_name(shop: Shop, name: str) -> str:
    """What a service answers to a container of the stack that asks it by its name, or what comes of it."""
    label = "label=com.docker.swarm.service.name=halt_probe"
    (probe,) = shop.world.docker("ps", "--quiet", "--filter", label).split()
    ask = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout {TOO_LONG_S} nc {name} 80"
    line = f"{ask} 2>&1; echo ended with $?"
    return shop.world.docker("exec", probe, "sh", "-c", line, check=False)
