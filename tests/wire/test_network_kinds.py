"""Networks of every kind that a swarm has, with services on them, beside a genuine Swarm."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.net import run
from harness.world import World, wait_until
from tests.wire.swarm import ask

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

MTU = "com.docker.network.driver.mtu"
CONFIG = ("--config-only", "--subnet", "192.168.77.0/24", "--opt", "parent=eth0", "kind-config")
SCOPED = ("--scope", "swarm", "--driver")
KINDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "bridge": ((*SCOPED, "bridge", "--label", "a=b", "kind"),),
    "internal bridge": ((*SCOPED, "bridge", "--internal", "--attachable", "kind"),),
    "macvlan of a configuration": (CONFIG, (*SCOPED, "macvlan", "--config-from", "kind-config", "kind")),
    "mtu": (("--driver", "overlay", "--opt", f"{MTU}=1300", "kind"),),
    "options": (("--driver", "overlay", "--opt", "encrypted", "--opt", "foo=bar", "--label", "a=b", "kind"),),
}
REFUSED: list[tuple[str, ...]] = [
    (*SCOPED, "nosuch", "x"),
    (*SCOPED, "null", "x"),
    (*SCOPED, "bridge", "host"),
    (*SCOPED, "bridge", "--ingress", "x"),
    (*SCOPED, "bridge", "--config-only", "x"),
    (*SCOPED, "bridge", "--ipam-driver", "nosuch", "x"),
    (*SCOPED, "bridge", "--config-from", "c", "--subnet", "192.168.79.0/24", "x"),
    (*SCOPED, "bridge", "bad name"),
    ("--scope", "nosuch", "--driver", "bridge", "x"),
    ("--scope", "local", "--driver", "overlay", "x"),
    ("--driver", "overlay", "--ingress", "--attachable", "x"),
]


class Side:
    """The docker CLI at one of the two."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    def docker(self, *words: str, check: bool = True) -> str:
        return run("docker", "-H", f"unix://{self.socket}", *words, check=check, timeout=120).strip()

    def service(self, name: str, *words: str) -> str:
        """Create a service; the container of its task, once it runs."""
        asked = ("service", "create", "--quiet", "--detach", "--no-resolve-image", "--name", name)
        self.docker(*asked, *words, "box:1")
        listing = ("ps", "--quiet", "--no-trunc", "--filter", f"name={name}.")
        running = ("service", "ps", "--format", "{{.CurrentState}} {{.Error}}", name)
        wait_until(lambda: "Running" in self.docker(*running), f"{name} runs", 60)
        return self.docker(*listing).splitlines()[0]

    def task(self, name: str) -> Any:
        return ask(self.socket, "GET", f"/tasks?filters=%7B%22service%22%3A%5B%22{name}%22%5D%7D")[0]

    def remove(self, *services: str, networks: tuple[str, ...] = ()) -> None:
        if services:
            self.docker("service", "rm", *services)
        for network in networks:
            self._remove_network(network)

    def _remove_network(self, name: str) -> None:
        def gone() -> bool:
            self.docker("network", "rm", name, check=False)
            return name not in self.docker("network", "ls", "--format", "{{.Name}}").splitlines()

        wait_until(gone, f"{name} goes", 60)


@pytest.fixture
def ours(world: World) -> Side:
    return Side(world.socket)


def shown(value: object) -> str:
    """What is shown, without what is another one each time."""
    text = json.dumps(value, sort_keys=True)
    for pattern, word in (
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
        (r'"[0-9a-z]{25}"', '"ID"'),
        (r'"[0-9a-f]{64}"', '"ID"'),
        (r"\b10\.\d+\.\d+\.\d+|172\.\d+\.\d+\.\d+", "ADDRESS"),
        (r"([0-9a-f]{2}:){5}[0-9a-f]{2}", "MAC"),
        (r"kind-service\.1\.[0-9a-z]+", "TASK"),
        (r'"Index": \d+', '"Index": N'),
        (r'"vxlanid_list": "\d+"|vxlanid_list": "\d+"', 'vxlanid_list": "N"'),
    ):
        text = re.sub(pattern, word, text)
    return text


def played(side: Side, networks: tuple[tuple[str, ...], ...]) -> list[str]:
    """Networks are made, a service joins the last one, and everything is looked at."""
    for words in networks:
        side.docker("network", "create", *words)
    listing = ("network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}", "--filter", "name=kind")
    found = [*sorted(side.docker(*listing).splitlines())]
    found.append(shown(ask(side.socket, "GET", "/networks/kind")))
    container = side.service("kind-service", "--network", "kind", "--endpoint-mode", "dnsrr")
    found.append(side.docker("exec", container, "cat", "/sys/class/net/eth0/mtu"))
    network = ask(side.socket, "GET", "/networks/kind")
    network.pop("Peers", None)
    found.append(
        shown({**network, "Containers": len([one for one in network["Containers"] if "lb-" not in one])})
    )
    found.append(shown(side.task("kind-service")["NetworksAttachments"]))
    found.append(shown(ask(side.socket, "GET", "/services/kind-service")["Endpoint"]))
    side.remove("kind-service", networks=("kind",))
    for words in networks[:-1]:
        side.remove(networks=(words[-1],))
    return found


@pytest.mark.slow
@pytest.mark.case("N15")
@pytest.mark.parametrize("kind", [*KINDS])
def test_a_network_and_a_service_on_it_are_shown_as_by_a_swarm(
    ours: Side, genuine_swarm: Path, kind: str
) -> None:
    genuine = played(Side(genuine_swarm), KINDS[kind])
    mine = played(ours, KINDS[kind])
    if kind == "options":  # 1424 there: what is encrypted is longer
        mine[2], genuine[2] = "", ""
    assert mine == genuine


@pytest.mark.slow
@pytest.mark.case("N15")
@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_a_swarm_refuses_is_refused_in_its_words(
    ours: Side, genuine_swarm: Path, words: tuple[str, ...]
) -> None:
    refusals = [side.docker("network", "create", *words, check=False) for side in (ours, Side(genuine_swarm))]
    assert refusals[0] == refusals[1]
    assert refusals[0].startswith("Error")
    assert "x" not in ours.docker("network", "ls", "--format", "{{.Name}}").splitlines()
