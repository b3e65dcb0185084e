"""A real Traefik with its Swarm provider, which goes by the addresses of tasks and asks every 15 s, or more
often, so that it hears of tasks that do not listen yet."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness import programs
from harness.net import INSIDE
from harness.world import World, wait_until
from tests.support.asked import asked

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

SERVING = 'trap "kill $!; exit 0" TERM; echo here > /tmp/name; {first} httpd -f -p 8080 -h /tmp & wait'


@contextmanager
def traefik(world: World, refresh_s: int) -> Iterator[str]:
    """One on the machine, as its user would start it; where it serves."""
    provider = f"--providers.swarm.endpoint=unix://{world.socket}"
    line = [
        str(programs.traefik()),
        f"--providers.swarm.refreshseconds={refresh_s}",
        provider,
        "--providers.swarm.network=front",
        "--entrypoints.web.address=:8888",
    ]
    line += ["--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=WARN"]
    process = subprocess.Popen(world.net.within(line), cwd=world.root)
    try:
        yield f"http://{INSIDE}:8888/name"
    finally:
        process.terminate()
        process.wait(30)


def serve(world: World, *words: str, first: str = "") -> None:
    labels = {"routers.app.rule": "PathPrefix(`/`)", "services.app.loadbalancer.server.port": "8080"}
    line = ["--detach", "--name", "app", "--network", "front", "--replicas", "2", "--stop-grace-period", "2s"]
    line += ["--update-monitor", "100ms", "--rollback-monitor", "100ms", *words]
    for name, value in labels.items():
        line += ["--label", f"traefik.http.{name}={value}"]
    world.docker("service", "create", *line, "box:1", "sh", "-c", SERVING.format(first=first))


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
@pytest.mark.parametrize(("listens", "refresh_s"), [("at once", 15), ("after a while", 1)])
def test_traefik_loses_nothing_though_it_goes_on_talking_to_tasks_that_are_gone(
    world: World, order: str, listens: str, refresh_s: int
) -> None:
    """The more often it asks, the more tasks it hears of that do not listen yet; 15 s is its default."""
    world.docker("network", "create", "--driver", "overlay", "front")
    orders = ("--update-order", order, "--rollback-order", order)
    serve(world, *orders, first="sleep 3;" if listens == "after a while" else "")
    with traefik(world, refresh_s) as url:
        curl = ("curl", "--silent", "--fail", "--max-time", "5", url)
        wait_until(lambda: world.run(*curl, outside=True, check=False) == "here\n", "Traefik serves", 60)
        with asked(world, url):
            world.docker("service", "update", "--env-add", "N=1", "app")
            world.docker("service", "rollback", "app")
            world.docker("service", "scale", "app=1")
            world.docker("service", "update", "--force", "app")
    world.docker("service", "rm", "app")
    wait_until(lambda: world.docker("network", "rm", "front", check=False) == "front", "the network is free")
