"""What a firewall lets in, asked from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.net import INSIDE, OUTSIDE
from harness.world import World, wait_until

PORTS = {"ingress": 8081, "host": 8082}


OTHER = "10.99.0.77"
"""A second address of the outside host: the rules let this one in, and no other."""


SERVER = ("/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/bin")


@contextmanager
def furnished(world: World, before: Callable[[World], None] = lambda world: None) -> Iterator[World]:
    """With a service published in either mode. `before` is called before skerry starts."""
    with world:
        world.run("ip", "addr", "add", f"{OTHER}/24", "dev", "eth0", outside=True)
        before(world)
        world.up()
        world.load("box")
        world.docker("swarm", "init", "--advertise-addr", INSIDE, "--listen-addr", "127.0.0.1:2377")
        world.docker("network", "create", "-d", "overlay", "front")
        for mode, port in PORTS.items():
            published = f"published={port},target=8080,mode={mode}"
            words = ("service", "create", "--detach", "--name", mode, "--stop-grace-period", "1s")
            world.docker(*words, "--network", "front", "--publish", published, "box:1", *SERVER)
        yield world


def answers(world: World, port: int, source: str, within_s: int = 2) -> bool:
    """Whether the port answers a client of the outside host that has that address."""
    line = ("curl", "-s", "-o", "/dev/null", "--max-time", str(within_s), "--interface", source)
    code = world.run(*line, "-w", "%{http_code}", f"http://{INSIDE}:{port}/", outside=True, check=False)
    return code != "000"


def lets_in_only_the_other(world: World) -> None:
    for port in PORTS.values():
        wait_until(lambda port=port: answers(world, port, OTHER), f"port {port} answers {OTHER}", 60)  # type: ignore[misc]
        assert not answers(world, port, OUTSIDE, 1), f"port {port} answers {OUTSIDE}"


def lets_in_all(world: World) -> None:
    for port in PORTS.values():
        for source in (OTHER, OUTSIDE):
            wait_until(
                lambda port=port, source=source: answers(world, port, source),  # type: ignore[misc]
                f"port {port} answers {source}",
                60,
            )
