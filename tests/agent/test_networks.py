"""Networks that exclude each other, beside a genuine Swarm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world.net import run
from tests.world.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.case("F17"), pytest.mark.timeout(240)]

SWARMS = (
    "container cannot be disconnected from host network or connected to host network",
    "container sharing network namespace with another container or host cannot be connected to any other "
    "network",
)
"""By the network that it joins first; it draws lots."""


@pytest.mark.parametrize("networks", [("host", "n"), ("n", "host")])
def test_it_is_rejected_in_swarms_words_before_it_starts(
    world: World, genuine_swarm: Path, networks: tuple[str, ...]
) -> None:
    links = world.run("ip", "-o", "link")
    texts = {
        "skerry": _rejected(f"unix://{world.socket}", networks),
        "Swarm": _rejected(f"unix://{genuine_swarm}", networks),
    }
    assert texts["Swarm"].strip('"') in SWARMS
    assert texts["skerry"].strip('"') == SWARMS[0]
    others = {line.split(":")[1].partition("@")[0] for line in world.run("ip", "-o", "link").splitlines()}
    assert not [name for name in others if "veth" in name and name not in links], "no link in the machine"


def _rejected(host: str, networks: tuple[str, ...]) -> str:
    """What the first task says, at an endpoint of Docker's API."""

    def docker(*words: str) -> str:
        return run("docker", "-H", host, *words)

    docker("network", "create", "--driver", "overlay", "n")
    named = [word for network in networks for word in ("--network", network)]
    docker("service", "create", "--detach", "--name", "both", "--restart-condition", "none", *named, "box:1")
    listing = ("service", "ps", "--no-trunc", "--format", "{{.CurrentState}}|{{.Error}}", "both")
    try:
        wait_until(lambda: docker(*listing).startswith("Rejected"), "the task is rejected", 60)
        return docker(*listing).strip().partition("|")[2]
    finally:
        docker("service", "rm", "both")
        gone = ("network", "rm", "n")
        wait_until(
            lambda: "in use" not in run("docker", "-H", host, *gone, check=False), "the network goes", 60
        )
