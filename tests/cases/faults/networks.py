"""Rules, links and networks taken away."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from harness.world import wait_until
from tests.cases.faults.fault import FAULTS, Fault, Harm, fault
from tests.cases.faults.stage import Stage

BOUND_S = 60.0


def _shell(line: str, stage: Stage) -> None:
    names = {
        "bridge": stage.bridge,
        "leg": stage.bridge.replace("sk-", "sl-"),
        "gate": stage.gate,
        "table": stage.table,
    }
    stage.world.run("sh", "-c", line.format(**names))


for _name, _line, _quick in (
    ("nft flush ruleset", "nft flush ruleset", True),
    ("iptables -F", "iptables -F", False),
    ("own table deleted", "nft delete table ip {table}", False),
    ("own table of flows deleted", "nft delete table ip {table}-flows", False),
    ("own chains flushed", "nft flush table ip {table}", False),
    ("bridge down", "ip link set {bridge} down", False),
    ("bridge deleted", "ip link del {bridge}", False),
    ("bridge's address deleted", "ip addr flush dev {bridge}", False),
    ("leg deleted", "ip link del {leg}", True),
    ("gate's link deleted inside", "ip -n {gate} link del {bridge}", False),
    ("gate's namespace deleted", "ip netns del {gate}", False),
    ("gate's rules flushed", "ip netns exec {gate} nft flush ruleset", False),
):
    FAULTS.append(Fault(_name, partial(_shell, _line), _quick))


@fault("network disconnected")
def _disconnected(stage: Stage) -> Harm:
    """A running task loses its network, and has it again: its connections end with that.

    One of the engine's own making: an engine that was started anew may know its former containers, but not on
    which networks they are, and disconnects none of them.
    """
    stage.renew("web")
    victim, network = stage.container(), f"skerry.{stage.world.inspect('network', 'n')['Id']}"
    harm = Harm(stage.addresses(victim))
    stage.engine("network", "disconnect", network, victim)
    wait_until(
        lambda: "no traffic" in stage.world.skerry("status", check=False), "the status says so", BOUND_S
    )
    stage.engine("network", "connect", network, victim)
    return harm


@fault("a task moved to another bridge")
def _moved(stage: Stage) -> Harm:
    victim = stage.container()
    harm = Harm(stage.addresses(victim), grace_s=31.0)  # what nobody tells of is seen by the next look
    port, bridge = _port(stage, victim)
    stage.world.run("sh", "-c", f"ip link add elsewhere type bridge; ip link set {port} master elsewhere")
    wait_until(
        lambda: "no traffic" in stage.world.skerry("status", check=False), "the status says so", BOUND_S
    )
    stage.world.run("sh", "-c", f"ip link set {port} master {bridge}; ip link del elsewhere")
    return harm


def _port(stage: Stage, container: str) -> tuple[str, str]:
    """A link out here of a container, and the bridge that it is on: its network's, or ingress's."""
    inner: list[dict[str, Any]] = json.loads(stage.world.as_container(container, "ip", "-json", "link"))
    index = next(link["link_index"] for link in inner if link.get("link_index"))
    outer: list[dict[str, Any]] = json.loads(stage.world.run("ip", "-json", "link"))
    port = next(link for link in outer if link["ifindex"] == index)
    return str(port["ifname"]), str(port["master"])


@fault("network removed at the engine")
def _removed(stage: Stage) -> None:
    """While nothing is on it; then a service needs it."""
    _emptied(stage, "network", "rm")


@fault("network prune at the engine")
def _pruned(stage: Stage) -> None:
    _emptied(stage, "network", "prune", "--force")


def _emptied(stage: Stage, *words: str) -> None:
    docker = stage.world.docker
    docker("network", "create", "--driver", "overlay", "empty")
    docker(
        "service", "create", "--detach", "--name", "none", "--network", "empty", "--replicas", "0", "box:1"
    )
    key = stage.world.inspect("network", "empty")["Id"]
    wait_until(lambda: f"skerry.{key}" in stage.engine("network", "ls"), "the engine has it", BOUND_S)
    stage.engine(*words, *([f"skerry.{key}"] if words[-1] == "rm" else []))
    docker("service", "scale", "--detach", "none=1")
    wait_until(lambda: stage.tasks("none"), "a task that needs it runs", BOUND_S)
    docker("service", "rm", "none")
    docker("network", "rm", "empty")
