"""Flows are deleted by what they look like, and no others with them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from socket import IPPROTO_TCP, IPPROTO_UDP

import pytest

from skerry.linux.conntrack import Conntrack
from skerry.linux.netns import RUN_NETNS, inside
from skerry.network.flows import FEW, Astray, forget_udp

VIP, OTHER, TASK = "10.0.1.128", "10.0.1.129", "10.0.1.9"
CLIENT = "10.0.1.77"


@pytest.fixture
def namespace() -> Iterator[str]:
    """A network namespace whose connections are tracked."""
    name = f"skerry-ct-{os.getpid()}"
    run("ip", "netns", "add", name)
    run(
        "ip",
        "netns",
        "exec",
        name,
        "nft",
        "add table ip t; add chain ip t c { type nat hook output priority 0; }",
    )
    yield name
    run("ip", "netns", "del", name)


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


class Flows:
    """What is tracked in a namespace, each flow by its protocol, to whom and who answers."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._port = 20_000

    def add(self, protocol: str, to: str, answerer: str) -> None:
        self._port += 1
        where = ["--src", CLIENT, "--dst", to, "--sport", str(self._port), "--dport", "53"]
        where += ["--reply-src", answerer, "--reply-dst", CLIENT]
        where += ["--reply-port-src", "53", "--reply-port-dst", str(self._port), "--timeout", "600"]
        state = ["--state", "ESTABLISHED"] if protocol == "tcp" else []
        run("ip", "netns", "exec", self._namespace, "conntrack", "-I", "-p", protocol, *where, *state)

    def left(self) -> set[tuple[str, str, str]]:
        lines = run("ip", "netns", "exec", self._namespace, "conntrack", "-L").splitlines()
        found = set()
        for line in lines:
            fields = [field.partition("=") for field in line.split()]
            values = {key: [value for name, _, value in fields if name == key] for key in ("src", "dst")}
            found.add((line.split()[0], values["dst"][0], values["src"][1]))
        return found


ALL = {
    ("udp", VIP, VIP),
    ("udp", OTHER, OTHER),
    ("udp", VIP, TASK),
    ("udp", TASK, TASK),
    ("tcp", VIP, VIP),
    ("tcp", VIP, TASK),
}


@pytest.fixture
def flows(namespace: str) -> Flows:
    """Each kind once."""
    flows = Flows(namespace)
    for flow in sorted(ALL):
        flows.add(*flow)
    assert flows.left() == ALL
    return flows


def test_flows_that_an_address_answers(namespace: str, flows: Flows) -> None:
    def delete(protocol: int | None) -> bool:
        with Conntrack() as conntrack:
            return conntrack.delete_answered_by(TASK, protocol)

    assert inside(RUN_NETNS / namespace, lambda: delete(IPPROTO_UDP))
    assert flows.left() == ALL - {("udp", VIP, TASK), ("udp", TASK, TASK)}
    assert inside(RUN_NETNS / namespace, lambda: delete(None))
    assert flows.left() == {flow for flow in ALL if flow[2] != TASK}


def test_flows_to_an_address_whoever_answers(namespace: str, flows: Flows) -> None:
    def delete() -> bool:
        with Conntrack() as conntrack:
            return conntrack.delete_asked_of(VIP, IPPROTO_UDP)

    assert inside(RUN_NETNS / namespace, delete)
    assert flows.left() == ALL - {("udp", VIP, VIP), ("udp", VIP, TASK)}


def test_a_flow_that_only_looks_the_same_stays(namespace: str, flows: Flows) -> None:
    def delete() -> None:
        with Conntrack() as conntrack:
            for flow in list(conntrack.flows(IPPROTO_UDP)):
                if flow.answerer == TASK:
                    conntrack.delete(flow._replace(id=bytes(4)))
                elif flow.destination == VIP:
                    conntrack.delete(flow)

    inside(RUN_NETNS / namespace, delete)
    assert flows.left() == ALL - {("udp", VIP, VIP)}


@pytest.mark.parametrize(("name", "protocol"), [("udp", IPPROTO_UDP), ("tcp", IPPROTO_TCP)])
def test_the_flows_of_one_protocol(namespace: str, flows: Flows, name: str, protocol: int) -> None:
    def ways() -> set[tuple[str, str, str]]:
        with Conntrack() as conntrack:
            return {(name, flow.destination, flow.answerer) for flow in conntrack.flows(protocol)}

    assert inside(RUN_NETNS / namespace, ways) == {flow for flow in ALL if flow[0] == name}


@pytest.mark.parametrize("others", [0, FEW])
def test_few_addresses_or_many_the_same_flows_are_forgotten(
    namespace: str, flows: Flows, others: int
) -> None:
    nobodys = {f"10.0.2.{number}" for number in range(others)}
    astray = Astray({TASK, VIP} | nobodys, {OTHER}, set())
    inside(RUN_NETNS / namespace, lambda: forget_udp(astray))
    assert flows.left() == {flow for flow in ALL if flow[0] == "tcp"}
