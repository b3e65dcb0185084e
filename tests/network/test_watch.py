"""What the kernel tells of the ruleset, heard in a namespace of the lab."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from skerry.linux import tools
from skerry.linux.netlink import messages
from skerry.linux.nft_watch import Loss, RulesetWatch, loss_of
from skerry.linux.tools import run
from skerry.model.traffic import Backend, Traffic, VirtualService
from skerry.network.kernel import KernelNetwork
from tests.network.conftest import Started
from tests.network.lab import RED, Lab, sh

OURS = Loss(socket.AF_INET, "skerry", "")
FLOWS = Loss(socket.AF_INET, "skerry-flows", "")
RULES = Loss(socket.AF_INET, "filter", "DOCKER-USER")
PLACE = Loss(socket.AF_INET, "filter", "FORWARD")
CHAIN = Loss(socket.AF_INET, "filter", "SKERRY-FORWARD")
FILTER = Loss(socket.AF_INET, "filter", "")
FENCE = Loss(socket.AF_INET, "fence", "")


@pytest.mark.engine
@pytest.mark.timeout(20)
def test_only_what_is_gone_is_a_loss(lab: Lab) -> None:
    async def body() -> None:
        looked, found = asyncio.Event(), []

        def concerns(loss: Loss) -> bool:
            assert loss.by
            found.append(loss._replace(by=0))
            return found[-1] == FENCE

        async def look() -> None:
            looked.set()

        watch = RulesetWatch(look, concerns)
        try:
            sh("nft add table ip fence; nft add table ip skerry; nft add chain ip skerry one")
            sh("nft add rule ip skerry one accept; nft add set ip skerry s '{ type ipv4_addr; }'")
            sh("nft add element ip skerry s '{ 10.0.0.1 }'; nft delete element ip skerry s '{ 10.0.0.1 }'")
            sh("iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN; iptables -A FORWARD -j DROP")
            sh("nft add table ip6 skerry; nft delete table ip6 skerry")
            sh("iptables -D FORWARD -j DROP; iptables -F DOCKER-USER")
            sh("nft flush chain ip skerry one; nft delete chain ip skerry one; nft delete table ip skerry")
            assert not looked.is_set()
            sh("nft delete table ip fence")
            async with asyncio.timeout(30):
                await looked.wait()
        finally:
            await watch.close()
        assert list(dict.fromkeys(found)) == [
            Loss(10, "skerry", ""),
            PLACE,
            RULES,
            Loss(socket.AF_INET, "skerry", "one"),
            OURS,
            FENCE,
        ]

    lab.run(body)


@pytest.mark.engine
@pytest.mark.timeout(20)
def test_more_than_the_buffer_takes_may_be_anything(lab: Lab, tmp_path: Path) -> None:
    elements = ", ".join(f"10.{number // 250}.{number % 250}.1" for number in range(20_000))
    script = tmp_path / "many.nft"
    script.write_text(f"add element ip many s {{ {elements} }}")

    async def body() -> None:
        looked = asyncio.Event()

        async def look() -> None:
            looked.set()

        watch = RulesetWatch(look, lambda loss: False)
        try:
            sh(f"nft add table ip many; nft add set ip many s '{{ type ipv4_addr; }}'; nft -f {script}")
            async with asyncio.timeout(30):
                await looked.wait()
        finally:
            await watch.close()

    lab.run(body)


@pytest.mark.parametrize("loss", [OURS, FLOWS, PLACE, CHAIN, FILTER])
def test_what_has_to_be_written_again(tmp_path: Path, loss: Loss) -> None:
    assert KernelNetwork(tmp_path).concerns(loss)


@pytest.mark.parametrize(
    "loss",
    [
        Loss(socket.AF_INET, "skerry-other", ""),
        Loss(socket.AF_INET, "filter", "DOCKER"),
        Loss(socket.AF_INET, "nat", ""),
        RULES,
        Loss(10, "filter", "FORWARD"),
    ],
)
def test_what_is_of_no_concern(tmp_path: Path, loss: Loss) -> None:
    assert not KernelNetwork(tmp_path).concerns(loss)


async def test_a_rule_of_ours_is_of_concern_where_another_took_it(tmp_path: Path) -> None:
    await run(["true"])
    network, pid = KernelNetwork(tmp_path), tools._recent[-1]
    assert not network.concerns(Loss(socket.AF_INET, "skerry", "vip-10.0.1.130", pid))
    assert network.concerns(Loss(socket.AF_INET, "skerry", "vip-10.0.1.130", 1))


@pytest.mark.engine
@pytest.mark.timeout(60)
@pytest.mark.case("E3")
@pytest.mark.parametrize(
    "harm", ["flush table ip {0}", "flush table ip {0}-flows", "flush chain ip {0} vip-10.0.1.200"]
)
def test_rules_that_another_took_out_of_our_tables_come_back(lab: Lab, started: Started, harm: str) -> None:
    async def body() -> None:
        async with started(RED) as network:
            service = VirtualService("s", RED.network_id, "10.0.1.200", (Backend("t", "10.0.1.2"),))
            await network.apply(Traffic(segments=(RED,), services=(service,)))
            whole = _rules(network.table)
            sh("nft " + harm.format(network.table))
            assert _rules(network.table) != whole
            async with asyncio.timeout(20):
                while _rules(network.table) != whole:
                    await asyncio.sleep(0.05)

    lab.run(body)


def _rules(table: str) -> list[str]:
    """Both tables, without what counts and times out."""
    text = sh(f"nft --stateless list table ip {table}; nft --stateless list table ip {table}-flows")
    return [line for line in text.splitlines() if "elements" not in line]


@pytest.mark.parametrize("data", [b"", b"\x10", b"\0" * 64, b"\xff" * 64])
def test_what_the_kernel_would_not_say_is_no_loss(data: bytes) -> None:
    assert not any(map(loss_of, messages(data)))
