"""Rules of the machine's user, beside a whole skerry: they hold in whatever order things start and reload."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.net import INSIDE, OUTSIDE
from harness.world import World, wait_until
from tests.network.walls import OTHER, PORTS, furnished, lets_in_all, lets_in_only_the_other

pytestmark = [pytest.mark.engine, pytest.mark.case("B11"), pytest.mark.timeout(240)]

DROP = f"DOCKER-USER -i eth0 ! -s {OTHER} -j DROP"


@pytest.fixture(scope="module")
def city() -> Iterator[World]:
    """A machine with rules of its user's from before all else, which drops what it forwards as engines do."""
    with furnished(World(up=False), before=drop) as world:
        yield world


def drop(world: World) -> None:
    for words in ("-P FORWARD DROP", "-N DOCKER-USER", f"-A {DROP}"):
        world.run("iptables", *words.split())


def restart_the_engine(world: World) -> None:
    pid = int((world.run_dir / "engine.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the engine ends", 60)
    up = ("ps", "--format", "{{.State}}")
    wait_until(lambda: "running" in world.docker(*up, check=False).split(), "another one answers", 90)


def make_a_network(world: World) -> None:
    """Engines before 28 put its rules to the top of FORWARD."""
    world.docker("network", "create", "-d", "overlay", "--attachable", "passing")
    world.docker("run", "--rm", "--network", "passing", "box:1", "/bin/busybox", "true")
    world.docker("network", "rm", "passing")


def start_skerryd_again(world: World) -> None:
    world.kill_skerryd()
    world.up()


def save_and_restore(world: World) -> None:
    saved = world.root / "rules"
    saved.write_text(world.run("iptables-save"))
    world.run("iptables-restore", str(saved))


def flush_and_restore(world: World) -> None:
    """As a script of the user's that knows of its own rules and of nothing else."""
    rules = world.root / "own"
    rules.write_text(f"*filter\n:FORWARD DROP\n:DOCKER-USER -\n-A {DROP}\n-A DOCKER-USER -j RETURN\nCOMMIT\n")
    world.run("iptables-restore", str(rules))


EVENTS = {
    "made before the start": lambda world: None,
    "a network is made": make_a_network,
    "skerryd starts again": start_skerryd_again,
    "the engine starts again": restart_the_engine,
    "rules are saved and restored": save_and_restore,
    "the user's own are restored alone": flush_and_restore,
}


SHORT = ("made before the start", "a network is made", "the engine starts again")


@pytest.mark.parametrize(
    "event", [event if event in SHORT else pytest.param(event, marks=pytest.mark.slow) for event in EVENTS]
)
def test_what_the_user_drops_is_dropped(city: World, event: str) -> None:
    EVENTS[event](city)
    lets_in_only_the_other(city)
    if event == "the user's own are restored alone":  # nobody has the engine's chains any more
        restart_the_engine(city)
        lets_in_only_the_other(city)


def test_rules_come_and_go_while_all_runs(city: World) -> None:
    city.run("iptables", "-F", "DOCKER-USER")
    lets_in_all(city)
    city.run("iptables", "-A", *DROP.split())
    city.run("iptables", "-A", "DOCKER-USER", "-j", "RETURN")
    lets_in_only_the_other(city)


def test_they_hold_while_nothing_is_ready(city: World) -> None:
    """The hold is no way around them: there, a connection would be accepted at once."""

    def accepted(source: str) -> bool:
        line = ("curl", "-s", "-o", "/dev/null", "--max-time", "2", "--interface", source)
        url = f"http://{INSIDE}:{PORTS['ingress']}/"
        return float(city.run(*line, "-w", "%{time_connect}", url, outside=True, check=False)) > 0

    city.docker("service", "update", "--detach", "--replicas", "0", "ingress")
    wait_until(lambda: not city.docker("ps", "-q", "--filter", "name=ingress."), "no task is left")
    wait_until(lambda: accepted(OTHER), "the hold accepts")
    assert not accepted(OUTSIDE)
    city.docker("service", "update", "--detach", "--replicas", "1", "ingress")
    lets_in_only_the_other(city)
