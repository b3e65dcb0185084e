"""What the kernel tells of the ruleset, heard in a namespace of the lab."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from skerry.network.kernel import KernelNetwork
from skerry.network.watch import IPV4, Loss, Watch, losses
from tests.network.lab import Lab, sh

OURS = Loss(IPV4, "skerry", "")
FLOWS = Loss(IPV4, "skerry-flows", "")
RULES = Loss(IPV4, "filter", "DOCKER-USER")
PLACE = Loss(IPV4, "filter", "FORWARD")
CHAIN = Loss(IPV4, "filter", "SKERRY-FORWARD")
FILTER = Loss(IPV4, "filter", "")
FENCE = Loss(IPV4, "fence", "")


@pytest.mark.engine
@pytest.mark.timeout(20)
def test_only_what_is_gone_is_a_loss(lab: Lab) -> None:
    async def body() -> None:
        looked, found = asyncio.Event(), []

        def concerns(loss: Loss) -> bool:
            found.append(loss)
            return loss == FENCE

        async def look() -> None:
            looked.set()

        watch = Watch(look, concerns)
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
            Loss(IPV4, "skerry", "one"),
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

        watch = Watch(look, lambda loss: False)
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
        Loss(IPV4, "skerry", "vip-10.0.1.130"),
        Loss(IPV4, "skerry-other", ""),
        Loss(IPV4, "filter", "DOCKER"),
        Loss(IPV4, "nat", ""),
        RULES,
        Loss(10, "filter", "FORWARD"),
    ],
)
def test_what_is_of_no_concern(tmp_path: Path, loss: Loss) -> None:
    assert not KernelNetwork(tmp_path).concerns(loss)


@pytest.mark.parametrize("data", [b"", b"\x10", b"\0" * 64, b"\xff" * 64])
def test_what_the_kernel_would_not_say_is_no_loss(data: bytes) -> None:
    assert list(losses(data)) == []
