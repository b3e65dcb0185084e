"""What the kernel tells of who listens in another network namespace."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest

from skerry.linux.netns import RUN_NETNS, inside, of_process
from skerry.model.listening import Listening
from skerry.network.listening import silence

pytestmark = [pytest.mark.engine]

WEB = Listening((("tcp", 8080),))
SILENT = "nothing listens on port 8080/tcp"
INWARD = "only its own loopback or IPv6 reaches port 8080/tcp"


class Container:
    """A process in a network namespace of its own; the test opens its sockets."""

    def __init__(self) -> None:
        self.name = f"skerry-listen-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)
        self.process = subprocess.Popen(["ip", "netns", "exec", self.name, "sleep", "1000"])
        while of_process(self.process.pid).readlink() == of_process(os.getpid()).readlink():
            pass  # until `ip` has entered it

    def bound(self, address: str, kind: int = socket.SOCK_STREAM, *, only_six: bool = False) -> socket.socket:
        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
            if ":" in address:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_six)
            made.bind((address, 8080))
            return made

        return inside(RUN_NETNS / self.name, make)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def container() -> Iterator[Container]:
    made = Container()
    yield made
    made.end()
    subprocess.run(["ip", "netns", "del", made.name], check=True)


@pytest.mark.parametrize(
    ("address", "only_six", "missing"),
    [
        ("0.0.0.0", False, ""),
        ("::", False, ""),
        ("::", True, INWARD),
        ("::1", False, INWARD),
        ("127.0.0.1", False, INWARD),
        ("127.0.0.11", False, INWARD),
    ],
)
def test_who_listens_and_who_is_reached(
    container: Container, address: str, only_six: bool, missing: str
) -> None:
    with closing(container.bound(address, only_six=only_six)) as listener:
        assert asyncio.run(silence(container.process.pid, WEB, "", 0)) == SILENT, "bound, but not listening"
        listener.listen()
        assert asyncio.run(silence(container.process.pid, WEB, "", 0)) == missing
    assert asyncio.run(silence(container.process.pid, WEB, "", 0)) == SILENT


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_udp_socket_listens_when_it_is_bound(container: Container, address: str) -> None:
    names = Listening((("udp", 8080),))
    assert asyncio.run(silence(container.process.pid, names, "", 0)) == "nothing listens on port 8080/udp"
    with closing(container.bound(address, socket.SOCK_DGRAM)):
        assert asyncio.run(silence(container.process.pid, names, "", 0)) == ""
        assert asyncio.run(silence(container.process.pid, WEB, "", 0)) == SILENT


def test_it_is_seen_when_somebody_begins_to_listen(container: Container) -> None:
    async def play() -> None:
        with closing(container.bound("0.0.0.0")) as listener:
            looking = asyncio.create_task(silence(container.process.pid, WEB, "", None))
            assert not (await asyncio.wait([looking], timeout=0.1))[0]
            listener.listen()
            assert await asyncio.wait_for(looking, 30) == ""

    asyncio.run(play())


def test_after_the_timeout_it_is_told_what_is_missing(container: Container) -> None:
    assert asyncio.run(silence(container.process.pid, WEB, "runc", 0.05)) == SILENT


def test_the_machines_own_ports_say_nothing_of_a_container(container: Container) -> None:
    assert asyncio.run(silence(os.getpid(), WEB, "", None)) == ""


def test_where_the_kernel_does_not_serve_the_ports_nothing_is_known(container: Container) -> None:
    assert asyncio.run(silence(container.process.pid, WEB, "runsc", None)) == ""


def test_a_process_that_is_gone_is_told_of_in_another_way(container: Container) -> None:
    async def play() -> None:
        container.end()
        assert await asyncio.wait_for(silence(container.process.pid, WEB, "", 0), 10) == ""
        looking = asyncio.create_task(silence(container.process.pid, WEB, "", None))
        assert not (await asyncio.wait([looking], timeout=0.2))[0]
        looking.cancel()

    asyncio.run(play())
