"""127.0.0.11 inside of a container's namespace, with the rules there that an engine makes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest

from skerry.network.loopback import lead
from tests.network.lab import BLUE, RED, Lab, sh

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120), pytest.mark.case("N10")]

ADDRESS = "10.0.1.2"
SERVER = """
import socket, sys, threading
address, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode()
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind((address, port))
streams = socket.create_server((address, port))
def stream():
    while True:
        connection, peer = streams.accept()
        connection.sendall(name + b" " + peer[0].encode())
        connection.close()
threading.Thread(target=stream, daemon=True).start()
print("ready", flush=True)
while True:
    _, peer = datagrams.recvfrom(512)
    datagrams.sendto(name + b" " + peer[0].encode(), peer)
"""
ASK = """
import socket, sys
kind, source = getattr(socket, sys.argv[1]), sys.argv[2]
asking = socket.socket(socket.AF_INET, kind)
asking.settimeout(20)
if source:
    asking.bind((source, 0))
asking.connect(("127.0.0.11", 53))
if kind == socket.SOCK_DGRAM:
    asking.send(b"?")
print(asking.recv(512).decode())
"""


class Container:
    """A namespace on the red bridge with an engine's resolver in it, and a process."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.bridge(RED)
        lab.bridge(BLUE)
        self.namespace = lab.container("a", RED, ADDRESS)
        self.gate = lab.container("gate", RED, RED.leg)
        self.processes = [
            self.start(self.namespace, "127.0.0.11", "40053", "engine"),
            self.start(self.gate, RED.leg, "53", "gate"),
        ]
        for protocol in ("udp", "tcp"):
            rule = f"iptables -t nat -A OUTPUT -d 127.0.0.11 -p {protocol} --dport 53"
            sh(f"ip netns exec {self.namespace} {rule} -j DNAT --to 127.0.0.11:40053")
            rule = f"iptables -t nat -A POSTROUTING -s 127.0.0.11 -p {protocol} --sport 40053"
            sh(f"ip netns exec {self.namespace} {rule} -j SNAT --to :53")

    @property
    def pid(self) -> int:
        return self.processes[0].pid

    def start(self, namespace: str, *words: str) -> subprocess.Popen[bytes]:
        line = ["nsenter", f"--net=/run/netns/{namespace}", sys.executable, "-c", SERVER, *words]
        process = subprocess.Popen(line, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    def lead(self, address: str = ADDRESS) -> None:
        self.lab.run(lambda: lead(self.pid, RED.leg, address))

    def answer(self, kind: str = "SOCK_DGRAM", source: str = "") -> str:
        line = ["nsenter", f"--net=/run/netns/{self.namespace}", sys.executable, "-c", ASK, kind, source]
        return subprocess.run(line, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


@pytest.fixture
def container(lab: Lab) -> Iterator[Container]:
    made = Container(lab)
    try:
        yield made
    finally:
        made.close()


def test_who_asks_there_asks_the_gate(container: Container) -> None:
    assert container.answer() == "engine 127.0.0.1"
    container.lead()
    for kind in ("SOCK_DGRAM", "SOCK_STREAM"):
        assert container.answer(kind) == f"gate {ADDRESS}"
        assert container.answer(kind, "127.0.0.1") == "engine 127.0.0.1"


def test_it_is_laid_again_where_it_is_gone(container: Container) -> None:
    container.lead()
    container.lead()
    sh(f"ip netns exec {container.namespace} nft delete table ip skerry-names")
    assert container.answer().startswith("engine")
    container.lead()
    assert container.answer() == f"gate {ADDRESS}"
    sh(f"ip -n {container.namespace} route del local 127.0.0.11 dev lo table local")
    assert container.answer() == "engine 127.0.0.1"
    container.lead()
    assert container.answer() == f"gate {ADDRESS}"


def test_another_address_of_the_container_takes_its_place(container: Container) -> None:
    container.lead()
    sh(
        f"ip -n {container.namespace} addr del {ADDRESS}/24 dev eth0 && "
        f"ip -n {container.namespace} addr add 10.0.1.3/24 dev eth0"
    )
    container.lead("10.0.1.3")
    assert container.answer() == "gate 10.0.1.3"


def test_the_loopback_interface_is_not_opened_to_the_network(container: Container) -> None:
    """Else whoever is on the bridge would reach what listens on 127.0.0.1 of the container."""
    container.lead()
    for link in ("all", "eth0"):
        setting = f"net.ipv4.conf.{link}.route_localnet"
        assert sh(f"ip netns exec {container.namespace} sysctl -n {setting}").strip() == "0"


def test_a_process_that_is_gone(lab: Lab) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    with pytest.raises(OSError, match=str(gone.pid)):
        asyncio.run(lead(gone.pid, RED.leg, ADDRESS))
