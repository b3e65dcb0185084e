"""What was derived once and is changed by somebody else: noticed, told, and made again."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

BOUND_S = 60
ASK = str(Path(__file__).with_name("ask.py"))
ANSWER = ("sh", "-c", "hostname > /index.html; exec httpd -f -p 80 -h /")


@pytest.fixture(scope="module")
def served(world: World) -> Iterator[World]:
    """A network `n` with a service of two tasks and a container that asks."""
    world.docker("network", "create", "--driver", "overlay", "--attachable", "n")
    create(world, "web", "--replicas=2")
    world.docker("run", "--detach", "--name=asker", "--network=n", "box:1")
    yield world
    world.docker("rm", "--force", "asker")


def create(world: World, name: str, *options: str) -> None:
    """A service that answers with the names of its tasks' hosts, ready."""
    words = ("--detach=false", "--quiet", "--network=n", f"--name={name}", "--health-cmd=wget -qO- 127.0.0.1")
    world.docker("service", "create", *words, *options, "box:1", *ANSWER)


def engine(world: World, *words: str, check: bool = True) -> str:
    """The docker CLI at the engine's own socket, behind skerry's back."""
    return world.run(
        "env", f"DOCKER_HOST=unix://{world.run_dir}/engine.sock", "docker", *words, check=check
    ).strip()


def tasks(world: World, service: str = "web") -> list[dict[str, Any]]:
    """The running tasks, as the API shows them."""
    ids = world.docker("service", "ps", "--quiet", "--filter=desired-state=running", service).split()
    rows: list[dict[str, Any]] = json.loads(world.docker("inspect", "--type=task", *ids)) if ids else []
    return rows


def container(task: dict[str, Any]) -> str:
    return str(task["Status"]["ContainerStatus"]["ContainerID"])


def answers(world: World, name: str = "web", times: int = 6) -> set[str]:
    """Who answers to a name, asked often enough that everybody has a turn; "" where nobody did."""
    return set(world.as_container("asker", sys.executable, ASK, name, str(times)).splitlines())


def table(world: World) -> set[str]:
    """The addresses in the kernel table, whole: one may begin as another one does."""
    return set(
        re.findall(r"\d+(?:\.\d+){3}", world.run("nft", "list", "table", "ip", f"skerry-{world.name}"))
    )


def status(world: World) -> str:
    return world.skerry("status", check=False)


def bridge(world: World, network: str = "n") -> str:
    """The device behind a network."""
    return f"sk-{world.inspect('network', network)['Id'][:12]}"


def later(*words: str) -> Any:
    """An input that takes longer than CI has time for."""
    return pytest.param(*words, marks=pytest.mark.slow)


@pytest.mark.case("E1")
@pytest.mark.parametrize("by", ["engine", later("skerry")])
def test_a_task_that_lost_its_network_is_out_of_the_table(served: World, by: str) -> None:
    first, _ = tasks(served)
    lost = container(first)
    address = str(first["NetworksAttachments"][0]["Addresses"][0]).partition("/")[0]
    network = "n" if by == "skerry" else f"skerry.{served.inspect('network', 'n')['Id']}"
    docker = served.docker if by == "skerry" else lambda *words: engine(served, *words)
    docker("network", "disconnect", network, lost)
    wait_until(lambda: address not in table(served), "the address is out of the table", BOUND_S)
    assert len(answers(served)) == 1
    wait_until(lambda: "no traffic on network n" in status(served), "the status says so", BOUND_S)
    assert "no traffic on network n" in served.docker("service", "ps", "--no-trunc", "web")
    docker("network", "connect", network, lost)
    wait_until(lambda: len(answers(served)) == 2, "it is in again", BOUND_S)
    wait_until(lambda: "no traffic" not in status(served), "the status says nothing any more", BOUND_S)
    assert {task["ID"] for task in tasks(served)} >= {first["ID"]}


@pytest.mark.case("E2")
@pytest.mark.parametrize("words", ["network prune --force", later("network rm")])
def test_a_network_that_the_engine_removed_is_made_again(served: World, words: str) -> None:
    served.docker("network", "create", "--driver", "overlay", "empty")
    served.docker("service", "create", "--detach", "--name=none", "--network=empty", "--replicas=0", "box:1")
    name = f"skerry.{served.inspect('network', 'empty')['Id']}"
    wait_until(lambda: name in engine(served, "network", "ls"), "the engine has it", BOUND_S)
    engine(served, *words.split(), *([name] if words.endswith("rm") else []))
    served.docker("service", "scale", "--detach=false", "none=1", timeout=BOUND_S)
    assert "Rejected" not in served.docker("service", "ps", "none")
    served.docker("service", "rm", "none")
    served.docker("network", "rm", "empty")


@pytest.mark.case("E2")
def test_a_network_is_made_though_the_engines_chains_were_flushed(served: World) -> None:
    served.run("nft", "flush", "ruleset")
    served.docker("network", "create", "--driver", "overlay", "later")
    words = ("--detach=false", "--quiet", "--network=later", "--name=late", "box:1")
    served.docker("service", "create", *words)
    served.docker("service", "rm", "late")
    served.docker("network", "rm", "later")


@pytest.mark.case("E3")
@pytest.mark.parametrize(
    "harm",
    [
        "ip link del sl-{0}",
        later("ip link set sl-{0} down"),
        later("ip link set sl-{0} nomaster"),
        later("ip link set sk-{0} down"),
        "ip link del sk-{0}",
        later("ip addr flush dev sk-{0}"),
        later("ip -n {gate} link del sk-{0}"),
        later("ip -n {gate} addr flush dev sk-{0}"),
        later("ip netns exec {gate} nft flush ruleset"),
        later("ip netns del {gate}"),
    ],
)
def test_a_link_that_was_taken_away_is_made_again(served: World, harm: str) -> None:
    before = {task["ID"] for task in tasks(served)}
    gate = f"skerry-gate-{served.name}"
    served.run("sh", "-c", harm.format(bridge(served).removeprefix("sk-"), gate=gate))
    wait_until(lambda: len(answers(served) - {""}) == 2, "names and tasks are reached", BOUND_S)
    wait_until(lambda: bridge(served) in legs(served, gate), "the gate has its leg", BOUND_S)
    served.docker("network", "create", "--driver", "overlay", "m")
    create(served, "next", "--network=m")  # what needs another leg goes on
    served.docker("service", "rm", "next")
    served.docker("network", "rm", "m")
    assert {task["ID"] for task in tasks(served)} == before
    wait_until(lambda: "network n" not in status(served), "the status says nothing any more", BOUND_S)


def legs(world: World, gate: str) -> str:
    """The links in the gate's namespace."""
    return world.run("ip", "netns", "exec", gate, "ip", "addr", check=False)


@pytest.mark.slow
@pytest.mark.case("E4")
@pytest.mark.parametrize("harm", ["moved", "address"])
def test_a_task_that_is_not_where_it_was_gets_no_traffic(served: World, harm: str) -> None:
    first, _ = tasks(served)
    pid = first["Status"]["ContainerStatus"]["PID"]
    address = str(first["NetworksAttachments"][0]["Addresses"][0])
    inside = ["nsenter", f"--target={pid}", "--net"]
    links = json.loads(served.run(*inside, "ip", "-json", "addr"))
    inner = next(
        link for link in links if any(one["local"] == address.partition("/")[0] for one in link["addr_info"])
    )
    outer = next(
        link["ifname"]
        for link in json.loads(served.run("ip", "-json", "link"))
        if link["ifindex"] == inner["link_index"]
    )
    if harm == "moved":
        served.run("sh", "-c", f"ip link add elsewhere type bridge; ip link set {outer} master elsewhere")
    else:
        served.run(*inside, "ip", "addr", "del", address, "dev", inner["ifname"])
    wait_until(lambda: address.partition("/")[0] not in table(served), "out of the table", BOUND_S)
    assert len(answers(served)) == 1
    assert "no traffic on network n" in status(served)
    if harm == "moved":
        served.run("sh", "-c", f"ip link set {outer} master {bridge(served)}; ip link del elsewhere")
    else:
        served.run(*inside, "ip", "addr", "add", address, "dev", inner["ifname"])
    wait_until(lambda: len(answers(served)) == 2, "in again", BOUND_S)
