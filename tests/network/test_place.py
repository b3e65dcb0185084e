"""Where a container really is, in namespaces of the lab."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.world import wait_until
from skerry.linux.netns import RUN_NETNS, inside
from skerry.network import links
from skerry.network.displacement import displaced
from tests.network.lab import BLUE, RED, Lab, sh

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60), pytest.mark.case("E4")]

ADDRESS = "10.0.1.2"


@pytest.fixture
def placed(lab: Lab) -> Iterator[tuple[Lab, int]]:
    """A lab with two bridges, and a process of a container on the first."""
    lab.bridge(RED)
    lab.bridge(BLUE)
    namespace = lab.container("a", RED, ADDRESS)
    process = subprocess.Popen(["nsenter", f"--net=/run/netns/{namespace}", "sleep", "1000"])
    there = Path(f"/proc/{process.pid}/ns/net")
    try:
        wait_until(lambda: there.stat().st_ino == (RUN_NETNS / namespace).stat().st_ino, "it has entered")
        yield lab, process.pid
    finally:
        process.kill()
        process.wait()


def wrong(lab: Lab, pid: int, runtime: str = "runc") -> str:
    """What is wrong with the place of the process, asked in the machine's namespace."""
    found = inside(RUN_NETNS / lab.machine, lambda: displaced(pid, {RED.bridge: ADDRESS}, runtime))
    return found.get(RED.bridge, "")


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        ("true", ""),
        ("ip -n {machine} link set v-a master sk-blue", "its link v-a was moved to sk-blue"),
        (
            "ip -n {inside} addr del 10.0.1.2/24 dev eth0",
            "10.0.1.2 is not an address of its container any more",
        ),
        ("ip -n {inside} addr add 10.0.1.3/24 dev eth0", ""),
        ("ip -n {machine} link set v-a down", "its link v-a is down"),
        ("ip -n {machine} link set v-a netns {outside}", "its link eth0 leads nowhere"),
        ("ip -n {machine} link del v-a", "10.0.1.2 is not an address of its container any more"),
        ("ip -n {machine} link set v-a nomaster", ""),  # plugged in again
    ],
)
def test_what_the_kernel_says(placed: tuple[Lab, int], harm: str, why: str) -> None:
    lab, pid = placed
    before = wrong(lab, pid)
    sh(harm.format(machine=lab.machine, inside=f"{lab.tag}-a", outside=lab.outside))
    assert (before, wrong(lab, pid)) == ("", why)


def test_a_port_that_lies_loose_is_plugged_in(placed: tuple[Lab, int]) -> None:
    lab, pid = placed
    sh(f"ip -n {lab.machine} link del sk-red")
    assert wrong(lab, pid) == "its bridge sk-red is gone"
    assert inside(RUN_NETNS / lab.machine, lambda: links.ensure_bridge(RED, b""))
    assert wrong(lab, pid) == ""
    assert "master sk-red" in sh(f"ip -n {lab.machine} link show v-a")


def test_other_runtimes_keep_addresses_to_themselves(placed: tuple[Lab, int]) -> None:
    lab, pid = placed
    sh(f"ip -n {lab.tag}-a addr flush dev eth0")
    assert wrong(lab, pid, "runsc") == ""
    assert wrong(lab, pid)


def test_a_process_that_is_gone_is_nowhere_else(placed: tuple[Lab, int]) -> None:
    lab, _ = placed
    assert wrong(lab, 1 << 22) == ""
