"""Rules, links and networks taken away."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from harness.world import wait_until
from tests.cases.faults.doing import remove, see
from tests.cases.faults.fault import FAULTS, Fault, Span, fault
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
    ("gate's rules flushed", "ip netns exec {gate} nft flush ruleset", False),
):
    FAULTS.append(Fault(_name, partial(_shell, _line), _quick))


@fault("gate's namespace deleted")
def _namespace_deleted(stage: Stage) -> None:
    """Its name, that is: the namespace lives on as long as the gate does."""
    with stage.taking_gate():
        _shell("ip netns del {gate}", stage)
        wait_until(Path("/run/netns", stage.gate).exists, "the gate's namespace is there", BOUND_S)


FIREWALL = """\
flush ruleset
table inet firewall {
  chain input { type filter hook input priority filter; ct state established,related accept; accept; }
  chain forward { type filter hook forward priority filter; accept; }
}
"""


@fault("a firewall reloaded")
def _firewall_reloaded(stage: Stage) -> None:
    """As nftables.service does it: all there is goes in favour of a file, whose rules go in the end, too."""
    rules = stage.world.root / "firewall.nft"
    rules.write_text(FIREWALL)
    stage.world.run("nft", "--file", str(rules))
    stage.world.run("nft", "delete", "table", "inet", "firewall")


@fault("iptables-restore")
def _restored(stage: Stage) -> None:
    """As netfilter-persistent does it, of what it has just saved."""
    stage.world.run("sh", "-c", "iptables-save | iptables-restore")


@fault("network disconnected", span=Span.ALONE)
def _disconnected(stage: Stage) -> None:
    """A running task loses its network, and has it again: its connections end with that.

    One of the engine's own making: an engine that was started anew may know its former containers, but not on
    which networks they are, and disconnects none of them.
    """
    stage.renew("web")
    victim, network = stage.container(), f"skerry.{stage.world.inspect('network', 'n')['Id']}"
    with stage.taking(victim):
        stage.engine("network", "disconnect", network, victim)
        see(stage, "no traffic", victim)
        stage.engine("network", "connect", network, victim)


@fault("a task moved to another bridge", span=Span.LASTING)
def _moved(stage: Stage) -> None:
    victim = stage.container()
    port, bridge = _port(stage, victim)
    with stage.taking(victim, grace_s=31.0):  # seen by the next look, as nobody tells of it
        stage.world.run("sh", "-c", f"ip link add elsewhere type bridge; ip link set {port} master elsewhere")
        try:
            see(stage, "no traffic", victim)
        finally:
            stage.world.run(
                "sh", "-c", f"ip link set {port} master {bridge}; ip link del elsewhere", check=False
            )


def _port(stage: Stage, container: str) -> tuple[str, str]:
    """A link out here of a container, and the bridge that it is on: its network's, or ingress's."""
    inner: list[dict[str, Any]] = json.loads(stage.world.as_container(container, "ip", "-json", "link"))
    index = next(link["link_index"] for link in inner if link.get("link_index"))
    outer: list[dict[str, Any]] = json.loads(stage.world.run("ip", "-json", "link"))
    port = next(link for link in outer if link["ifindex"] == index)
    return str(port["ifname"]), str(port["master"])


@fault("network removed at the engine", span=Span.LASTING)
def _removed(stage: Stage) -> None:
    """While nothing is on it; then a service needs it."""
    _emptied(stage, "network", "rm")


@fault("network prune at the engine", span=Span.LASTING)
def _pruned(stage: Stage) -> None:
    _emptied(stage, "network", "prune", "--force")


def _emptied(stage: Stage, *words: str) -> None:
    docker = stage.world.docker
    try:
        docker("network", "create", "--driver", "overlay", "empty")
        options = ("--name", "none", "--network", "empty", "--replicas", "0")
        docker("service", "create", "--detach", *options, "box:1")
        name = f"skerry.{stage.world.inspect('network', 'empty')['Id']}"
        wait_until(lambda: name in stage.engine("network", "ls"), "the engine has it", BOUND_S)
        stage.engine(*words, *([name] if words[-1] == "rm" else []))
        docker("service", "scale", "--detach", "none=1")
        wait_until(lambda: stage.tasks("none"), "a task that needs it runs", BOUND_S)
    finally:
        remove(stage, "service", "none")
        remove(stage, "network", "empty")
