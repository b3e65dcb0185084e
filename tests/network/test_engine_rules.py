"""The same beside a real engine: its FORWARD policy, its isolation rules, its embedded DNS."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from skerry.model.traffic import Client, Name, PublishedPort, Segment, Traffic
from skerry.network.kernel import KernelNetwork
from tests.engine.dockerd import docker, dockerd
from tests.network.lab import BLUE, MACHINE, RED, Lab, get, sh, silent
from tests.network.town import ONE, TWO, VIP, everyone_is_served, traffic

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

VAULT = Segment("vault", "sk-vault", "10.0.3.0/24", "10.0.3.1", "10.0.3.254", internal=True)


@pytest.fixture
def engine() -> Iterator[str]:
    with dockerd() as path:
        yield path


@pytest.fixture
def town(engine: str) -> Iterator[Lab]:
    """The engine's own bridges, with two tasks on red, one on an internal network, a stranger on blue."""
    for segment in (RED, BLUE, VAULT):
        lower = segment.subnet.replace("/24", "/25")
        words = f"network create --subnet {segment.subnet} --gateway {segment.gateway} --ip-range {lower}"
        words += f" -o com.docker.network.bridge.name={segment.bridge} skerry.{segment.network_id}"
        docker(engine, *words.split(), *(["--internal"] if segment.internal else []))
    lab = Lab(f"skt-{os.getpid()}")
    try:
        for name, segment, address in (
            ("one", RED, "10.0.1.2"),
            ("two", RED, "10.0.1.3"),
            ("stranger", BLUE, "10.0.2.2"),
            ("inner", VAULT, "10.0.3.2"),
        ):
            lab.container(name, segment, address, gateway=not segment.internal)
        sh(f"ip -n {lab.outside} route add 10.0.0.0/8 via {MACHINE}")
        for name in ("one", "two", "inner"):
            lab.serve(f"{lab.tag}-{name}", name)
        yield lab
    finally:
        lab.close()


def test_beside_the_engines_rules(engine: str, town: Lab) -> None:
    wanted = traffic(ONE, TWO)
    vault = PublishedPort("tcp", 81, 8080, "v", "10.0.3.130", (type(ONE)("inner", "10.0.3.2"),))
    wanted = msgspec.structs.replace(
        wanted,
        segments=(*wanted.segments, VAULT),
        ports=(*wanted.ports, vault),
        names=(Name("red", "app", (VIP,)),),
        clients=(Client("10.0.1.20", ("red",)),),
    )

    async def body() -> None:
        with tempfile.TemporaryDirectory(prefix="sklab-") as folder:
            network = KernelNetwork(Path(folder), town.tag)
            await network.start()
            try:
                for segment in wanted.segments:
                    await network.ensure_segment(segment)
                await network.apply(wanted)
                await served_and_closed(wanted, network)
            finally:
                await network.purge()

    async def served_and_closed(wanted: Traffic, network: KernelNetwork) -> None:
        await everyone_is_served(town)
        assert await get(town.outside, MACHINE, 81) == f"inner {VAULT.gateway}"
        assert await get(f"{town.tag}-stranger", MACHINE, 81)
        for who in (town.outside, f"{town.tag}-stranger"):
            for address in (VIP, "10.0.1.131", "10.0.1.2", "10.0.3.2"):
                assert await silent(who, address, 8080), f"{who} reaches {address}"
        words = (
            "run --rm --network skerry.red --ip 10.0.1.20 --dns 10.0.1.254 box:1 /bin/busybox nslookup app"
        )
        assert VIP in docker(engine, *words.split())

    town.run(body)
