"""What the kernel tells of links, heard in a namespace of the lab."""

from __future__ import annotations

import asyncio

import pytest

from skerry.linux.link_watch import lost_link, watch_links
from skerry.linux.netlink import messages
from skerry.network.links import PREFIXES
from tests.network.lab import RED, Lab, sh


@pytest.mark.engine
@pytest.mark.timeout(60)
@pytest.mark.case("E3")
@pytest.mark.parametrize(
    "harm",
    [
        "link del sk-red",
        "link set sk-red down",
        "addr flush dev sk-red",
        "link del sl-red",
        "link set sl-red down",
        "link set sl-red nomaster",
    ],
)
def test_a_loss_is_heard(lab: Lab, harm: str) -> None:
    lab.bridge(RED)
    sh(f"ip -n {lab.machine} link add sl-red type veth peer name other")
    sh(f"ip -n {lab.machine} link set sl-red master sk-red up")

    async def body() -> None:
        heard = asyncio.Event()
        watch = watch_links(PREFIXES, heard.set)
        try:
            sh(
                f"ip -n {lab.machine} link add veth1 type veth;"
                f"ip -n {lab.machine} link set veth1 master sk-red up"
            )
            sh(f"ip -n {lab.machine} link del veth1")
            await asyncio.sleep(0)
            assert not heard.is_set()
            sh(f"ip -n {lab.machine} {harm}")
            async with asyncio.timeout(20):
                await heard.wait()
        finally:
            watch.close()

    lab.run(body)


@pytest.mark.parametrize(
    "data", [b"", b"\x10", b"\0" * 64, b"\xff" * 64, b"\x14\0\0\0\x10\0\0\0" + b"\0" * 12]
)
def test_what_the_kernel_would_not_say_is_no_loss(data: bytes) -> None:
    assert not any(map(lost_link, messages(data)))
