"""How tasks are reached on networks that are not the usual ones, by real packets."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Iterator

import pytest

from harness.net import INSIDE
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

SERVE = ("sh", "-c", "mkdir -p /tmp/w; hostname >/tmp/w/index.html; exec httpd -f -p 8080 -h /tmp/w")


def service(
    world: World, name: str, *words: str, replicas: int = 1, command: tuple[str, ...] = SERVE
) -> None:
    """Create a service that answers with its container's hostname; return when all its tasks run."""
    asked = ("--quiet", "--detach", "--no-resolve-image", "--stop-grace-period", "0s", "--name", name)
    world.docker("service", "create", *asked, "--replicas", str(replicas), *words, "box:1", *command)
    count = f"{replicas}/{replicas}"
    listing = ("service", "ls", "--format", "{{.Replicas}}", "--filter", f"name={name}")
    wait_until(lambda: world.docker(*listing).strip() == count, f"{name} runs {count}", 60)


def containers(world: World, name: str) -> list[str]:
    """The containers of a service's tasks."""
    return world.docker("ps", "--quiet", "--filter", f"name={name}.").split()


def page(world: World, url: str, *, outside: bool = False) -> str:
    """What a client gets, "" where it gets nothing."""
    return world.run("curl", "-s", "-m", "10", url, outside=outside, check=False).strip()


@pytest.fixture(autouse=True)
def cleared(world: World) -> Iterator[None]:
    yield
    names = world.docker("service", "ls", "--format", "{{.Name}}").split()
    if names:
        world.docker("service", "rm", *names)
        wait_until(lambda: not world.docker("ps", "--all", "--quiet").split(), "all tasks have gone", 60)


@pytest.mark.case("N12")
def test_packets_are_as_long_as_an_mtu_allows_and_no_longer(world: World) -> None:
    asked = ("--driver", "overlay", "--opt", "com.docker.network.driver.mtu=1300", "short")
    world.docker("network", "create", *asked)
    service(world, "measured", "--network", "short")
    (container,) = containers(world, "measured")
    links = world.docker("exec", container, "ip", "link")
    assert "mtu 1250" in links
    bridges = world.run("ip", "-json", "link", "show", "type", "bridge")
    lengths = {one["ifname"]: one["mtu"] for one in json.loads(bridges)}
    assert sorted(length for name, length in lengths.items() if name.startswith("sk-")) == [1250, 1500]
    assert "bytes from" in world.docker(
        "exec", container, "ping", "-c1", "-s", "4000", "-W", "20", "measured"
    )


@pytest.mark.case("N16")
def test_every_task_has_its_own_number_of_host_mode(world: World) -> None:
    service(world, "many", "--publish", "mode=host,target=8080", replicas=3)
    listing = ("service", "ps", "--format", "{{.Ports}}", "many")
    ports = world.docker(*listing).split()
    numbers = {port.removeprefix("*:").removesuffix("->8080/tcp") for port in ports}
    assert len(numbers) == 3
    hosts = {number: page(world, f"http://{INSIDE}:{number}/", outside=True) for number in numbers}
    assert sorted(hosts.values()) == sorted(containers(world, "many"))
    for number, container in hosts.items():
        assert f"0.0.0.0:{number}->8080/tcp" in world.docker("port", container) + world.docker("ps")
        assert page(world, f"http://{INSIDE}:{number}/", outside=True) == container, "always the same"
        assert page(world, f"http://[::1]:{number}/") == container, "over IPv6 too"


@pytest.mark.case("N16")
def test_a_number_that_a_program_has_is_passed_over(world: World) -> None:
    listener = world.net.within(["python3", "-c", LISTEN])
    with subprocess.Popen(listener, stdout=subprocess.PIPE, text=True) as taken:
        assert taken.stdout is not None
        assert taken.stdout.readline() == "listens\n"
        service(world, "other", "--publish", "mode=host,target=8080")
        taken.kill()
    assert world.docker("service", "ps", "--format", "{{.Ports}}", "other").strip() == "*:32769->8080/tcp"


@pytest.mark.case("N15")
@pytest.mark.parametrize("mode", ["ingress", "host"])
@pytest.mark.parametrize("network", ["bridge", "scoped"])
def test_a_published_port_leads_to_a_task_on_a_network_of_the_engines(
    world: World, network: str, mode: str
) -> None:
    if network == "scoped" and "scoped" not in world.docker("network", "ls"):
        asked = ("--scope", "swarm", "--driver", "bridge", "--subnet", "192.168.78.0/24", "scoped")
        world.docker("network", "create", *asked)
    service(world, "there", "--network", network, "--publish", f"mode={mode},published=8181,target=8080")
    (container,) = containers(world, "there")
    assert page(world, f"http://{INSIDE}:8181/", outside=True) == container
    assert page(world, "http://127.0.0.1:8181/") == container
    networks = world.inspect("container", container)["NetworkSettings"]["Networks"]
    assert network in networks
    if network == "scoped":
        assert networks["scoped"]["IPAddress"].startswith("192.168.78.")


@pytest.mark.case("N15")
def test_host_is_refused_together_with_another_network(world: World) -> None:
    world.docker("network", "create", "--driver", "overlay", "beside")
    asked = ("service", "create", "--detach", "--name", "both", "--network", "host", "--network", "beside")
    words = world.docker(*asked, "box:1", check=False)
    assert "network host cannot be used together with other networks" in words
    service(world, "alone", "--network", "host", command=("sleep", "1000"))
    added = ("service", "update", "--detach", "--network-add", "beside", "alone")
    words = world.docker(*added, check=False)
    assert "network host cannot be used together with other networks" in words


@pytest.mark.case("N17")
def test_one_number_is_published_for_tcp_udp_and_sctp(world: World) -> None:
    published = [f"published=9000,target=8080,protocol={name}" for name in ("tcp", "udp", "sctp")]
    service(world, "three", *[word for one in published for word in ("--publish", one)])
    (container,) = containers(world, "three")
    assert page(world, f"http://{INSIDE}:9000/", outside=True) == container
    pid = world.inspect("container", container)["State"]["Pid"]
    with subprocess.Popen(
        ["nsenter", f"--net=/proc/{pid}/ns/net", "python3", "-c", HEAR], stdout=subprocess.PIPE, text=True
    ) as hearing:
        assert hearing.stdout is not None
        assert hearing.stdout.readline() == "hears\n"
        world.run("python3", "-c", SAY.format(packet=initiation(9000).hex(), host=INSIDE), outside=True)
        target = hearing.stdout.readline()
    assert target == "8080\n"


LISTEN = """
import socket, time
listener = socket.create_server(("0.0.0.0", 32768))
print("listens", flush=True)
time.sleep(1000)
"""
HEAR = """
import select, socket, struct
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
print("hears", flush=True)
assert select.select([raw], [], [], 60)[0]
print(struct.unpack("!H", raw.recv(200)[22:24])[0], flush=True)
"""
SAY = """
import socket
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
raw.sendto(bytes.fromhex("{packet}"), ("{host}", 0))
"""


def initiation(port: int) -> bytes:
    """The packet with which a client begins an association of SCTP."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 1, 65536, 1, 1, 1)
    head = struct.pack("!HHI", 40000, port, 0)
    checksum = struct.pack("<I", crc32c(head + b"\0\0\0\0" + chunk))
    return head + checksum + chunk


def crc32c(data: bytes) -> int:
    """The checksum of SCTP."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


@pytest.mark.case("N19")
def test_tasks_with_a_published_port_and_a_network_of_their_own_are_on_ingress(world: World) -> None:
    world.docker("network", "create", "--driver", "overlay", "own")
    service(world, "shop", "--network", "own", "--publish", "published=8282,target=8080")
    service(world, "asker", "--publish", "published=8383,target=8080")
    (container,) = containers(world, "shop")
    task = world.docker("service", "ps", "--quiet", "--no-trunc", "shop").strip()
    attached = json.loads(world.docker("inspect", task))[0]["NetworksAttachments"]
    assert [one["Network"]["Spec"]["Name"] for one in attached] == ["ingress", "own"]
    address = attached[0]["Addresses"][0].partition("/")[0]
    (asker,) = containers(world, "asker")
    said = world.docker("exec", asker, "sh", "-c", f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc {address} 8080")
    assert said.strip().endswith(container), "whoever is on ingress reaches it there"
    assert page(world, f"http://{INSIDE}:8282/", outside=True) == container
