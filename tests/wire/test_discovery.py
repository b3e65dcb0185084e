"""Programs that look tasks up find them where a swarm has them: on `ingress` and on their own network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.programs import prometheus, traefik
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.case("N19"), pytest.mark.timeout(900)]

SERVE = (
    "mkdir -p /tmp/w; hostname >/tmp/w/index.html; echo answer 42 >/tmp/w/metrics; "
    "exec httpd -f -p 8080 -h /tmp/w"
)
STACK = """
version: "3.8"
services:
  shop:
    image: box:1
    command: ["sh", "-c", "{serve}"]
    networks: [own]
    ports: ["8080:8080"]  # Prometheus takes the published one
    stop_grace_period: 0s
    deploy:
      replicas: 2
      labels: {labels}
networks:
  own:
"""
ROUTED = {
    "traefik.enable": "true",
    "traefik.http.services.shop.loadbalancer.server.port": "8080",
    "traefik.http.routers.shop.rule": "PathPrefix(`/`)",
}


def deploy(world: World, labels: dict[str, str]) -> None:
    """A stack `s` whose service has a network of its own and a published port."""
    text = STACK.format(serve=SERVE, labels=json.dumps(labels))
    path = world.root / "stack.yml"
    path.write_text(text)
    world.docker("stack", "deploy", "--resolve-image", "never", "--compose-file", str(path), "s")
    listing = ("service", "ls", "--format", "{{.Replicas}}")
    wait_until(lambda: world.docker(*listing).strip() == "2/2", "the stack runs", 60)


@pytest.fixture(autouse=True)
def cleared(world: World) -> Iterator[None]:
    yield
    world.docker("stack", "rm", "s")
    wait_until(lambda: not world.docker("ps", "--all", "--quiet").split(), "all tasks have gone", 60)


def addresses(world: World, network: str) -> set[str]:
    """Where the tasks of the stack are on a network, as the API shows them."""
    found = set()
    for key in world.docker("service", "ps", "--quiet", "--no-trunc", "s_shop").split():
        for one in json.loads(world.docker("inspect", key))[0]["NetworksAttachments"]:
            if one["Network"]["Spec"]["Name"] == network:
                found |= {address.partition("/")[0] for address in one["Addresses"]}
    assert len(found) == 2
    return found


@contextmanager
def started(world: World, *words: str) -> Iterator[Path]:
    """A program that runs in the world; its log."""
    log = world.root / "program.log"
    with log.open("w") as file:
        program = subprocess.Popen(world.net.within(words), stdout=file, stderr=file)
    try:
        yield log
    except BaseException:
        print(log.read_text()[-5000:])
        raise
    finally:
        program.kill()
        program.wait(60)


def answer(world: World, url: str) -> Any:
    """JSON from a program; nothing while it is not up."""
    text = world.run("curl", "-s", "-m", "10", url, check=False)
    return json.loads(text) if text.startswith(("{", "[")) else None


def seen(world: World, ask: Callable[[], set[str]], wanted: set[str]) -> None:
    wait_until(lambda: ask() == wanted, f"these are found: {sorted(wanted)}", 60)


@pytest.mark.parametrize("network", ["ingress", "s_own"])
def test_prometheus_scrapes_the_tasks_on_a_network(world: World, network: str) -> None:
    deploy(world, {})
    picked = (
        {"source_labels": ["__meta_dockerswarm_network_ingress"], "regex": "true", "action": "keep"}
        if network == "ingress"
        else {"source_labels": ["__meta_dockerswarm_network_name"], "regex": network, "action": "keep"}
    )
    discovery = {"host": f"unix://{world.socket}", "role": "tasks", "refresh_interval": "1s"}
    job = {
        "job_name": "tasks",
        "scrape_interval": "1s",
        "dockerswarm_sd_configs": [discovery],
        "relabel_configs": [picked],
    }
    config = world.root / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [job]}))
    options = (f"--storage.tsdb.path={world.root}/tsdb", "--web.listen-address=127.0.0.1:9090")

    def up() -> set[str]:
        targets = answer(world, "http://127.0.0.1:9090/api/v1/targets") or {"data": {"activeTargets": []}}
        return {one["scrapeUrl"] for one in targets["data"]["activeTargets"] if one["health"] == "up"}

    with started(world, str(prometheus()), f"--config.file={config}", *options):
        seen(world, up, {f"http://{one}:8080/metrics" for one in addresses(world, network)})


@pytest.mark.parametrize(
    ("network", "labels", "options"),
    [
        ("ingress", {}, ("--providers.swarm.network=ingress",)),
        ("s_own", {}, ("--providers.swarm.network=s_own",)),
        ("s_own", {"traefik.swarm.network": "s_own"}, ()),
        (
            "ingress",
            {"traefik.docker.network": "ingress"},
            ("--providers.swarm.network=s_own",),
        ),
    ],
)
def test_traefik_finds_the_tasks_on_the_network_that_it_is_told(
    world: World, network: str, labels: dict[str, str], options: tuple[str, ...]
) -> None:
    deploy(world, {**ROUTED, **labels})
    usual = (
        f"--providers.swarm.endpoint=unix://{world.socket}",
        "--providers.swarm.exposedbydefault=false",
        "--providers.swarm.refreshseconds=1",
        "--entrypoints.web.address=127.0.0.1:8000",
        "--entrypoints.traefik.address=127.0.0.1:8001",
        "--api.insecure=true",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    )

    def servers() -> set[str]:
        found = answer(world, "http://127.0.0.1:8001/api/http/services/shop@swarm") or {}
        return {one["url"] for one in (found.get("loadBalancer") or {}).get("servers") or ()}

    with started(world, str(traefik()), *usual, *options):
        seen(world, servers, {f"http://{one}:8080" for one in addresses(world, network)})
        containers = set(world.docker("ps", "--quiet").split())
        answers = {world.run("curl", "-s", "-m", "10", "http://127.0.0.1:8000/").strip() for _ in range(4)}
        assert answers == containers
