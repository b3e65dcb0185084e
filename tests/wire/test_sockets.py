"""The API's socket: who has it, for how long, and how many at once."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from harness.processes import kill
from harness.world import World, wait_until
from skerry.cli.client import UnixConnection

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

BIND = "type=bind,source=/var/run/docker.sock,target=/var/run/docker.sock"
PATIENT_S = 60
CONNECTIONS = 2000
LISTENS = "00010000"
"""The flags of a listening socket in /proc/net/unix."""


def curl(world: World, place: str, path: str) -> list[str]:
    """The command that asks at a socket."""
    words = ["curl", "--silent", "--max-time", str(PATIENT_S), "--unix-socket", place, f"http://d{path}"]
    return world.net.within(words)


class Bound:
    """A container that has the API's socket bound: it is asked by the way of its own mount."""

    def __init__(self, world: World, container: str) -> None:
        self.world = world
        self.inspected: dict[str, Any] = world.inspect("container", container)
        self.place = f"/proc/{self.inspected['State']['Pid']}/root/var/run/docker.sock"

    def services(self) -> list[str]:
        """The names of the swarm's services."""
        return self.names(self.begin().communicate(timeout=PATIENT_S)[0])

    def begin(self) -> subprocess.Popen[bytes]:
        """Ask, without waiting for the answer."""
        return subprocess.Popen(curl(self.world, self.place, "/v1.41/services"), stdout=subprocess.PIPE)

    @staticmethod
    def names(answer: bytes) -> list[str]:
        """Those of an answer; AssertionError where it is another one."""
        services = json.loads(answer or b"null")
        assert isinstance(services, list), answer
        return [service["Spec"]["Name"] for service in services]


def container_of(world: World, service: str) -> str:
    """The container of a service's only task, once it runs."""
    listing = ("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={service}")
    wait_until(lambda: world.docker(*listing), f"{service} runs", 60)
    return world.docker(*listing)


@pytest.fixture(scope="module")
def proxy(world: World) -> Iterator[Bound]:
    """A task that binds the engine's socket, as a reverse proxy does."""
    world.docker("service", "create", "--detach", "--name", "proxy", "--mount", f"{BIND},readonly", "box:1")
    try:
        yield Bound(world, container_of(world, "proxy"))
    finally:
        world.docker("service", "rm", "proxy")


@pytest.mark.case("B12")
def test_a_task_that_binds_the_engines_socket_has_the_swarms(world: World, proxy: Bound) -> None:
    assert "proxy" in proxy.services()
    spec = world.inspect("service", "proxy")["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert spec["Mounts"] == [
        {"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/var/run/docker.sock", "ReadOnly": True}
    ]
    (mount,) = proxy.inspected["Mounts"]
    assert (mount["Source"], mount["RW"]) == (str(world.socket), False)


@pytest.mark.case("B12")
@pytest.mark.parametrize(
    "words",
    [
        ("--volume", "/var/run/docker.sock:/var/run/docker.sock"),
        ("--volume", "/run/docker.sock:/var/run/docker.sock:ro"),
        ("--mount", BIND),
    ],
)
def test_a_plain_container_too(world: World, proxy: Bound, words: tuple[str, ...]) -> None:
    container = world.docker("run", "--detach", *words, "box:1")
    try:
        assert "proxy" in Bound(world, container).services()
    finally:
        world.docker("rm", "--force", container)


@pytest.mark.case("B12")
def test_a_label_asks_for_the_engines_own(world: World) -> None:
    engine = str(world.run_dir / "engine.sock")
    mount = BIND.replace("source=/var/run/docker.sock", f"source={engine}")
    label = ("--label", "skerry.socket=engine")
    world.docker("service", "create", "--detach", "--name", "own", "--mount", mount, *label, "box:1")
    plain = world.docker("run", "--detach", *label, "--mount", mount, "box:1")
    try:
        for container in (container_of(world, "own"), plain):
            with pytest.raises(AssertionError, match="not a swarm manager"):
                Bound(world, container).services()
    finally:
        world.docker("service", "rm", "own")
        world.docker("rm", "--force", plain)


def killed(world: World) -> None:
    """kill -9 of skerryd alone."""
    world.kill_skerryd()


def ended(world: World) -> None:
    """An orderly end of skerryd, as when systemd restarts it."""
    pid = world.pid
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "skerryd ends", 60)


def gate_of(world: World) -> int:
    """The gate's process; 0 where it is just being replaced."""
    with socket.socket(socket.AF_UNIX) as asked:
        try:
            asked.connect(str(world.run_dir / "gate.sock"))
            with asked.makefile("rb") as lines:
                return int(json.loads(lines.readline())["pid"])
        except (OSError, ValueError):
            return 0


def after_its_gate(world: World) -> None:
    """The gate killed, and then skerryd."""
    gate = gate_of(world)
    kill(gate)
    wait_until(lambda: gate_of(world) not in (0, gate), "another gate serves", 60)
    holder = Path(f"/proc/{gate_of(world)}/fd")
    (inode,) = (row[6] for row in sockets(world) if row[3] == LISTENS)
    wait_until(
        lambda: any(str(fd.readlink()) == f"socket:[{inode}]" for fd in holder.iterdir()),
        "the gate has the socket again",
        60,
    )
    world.kill_skerryd()


def sockets(world: World) -> list[list[str]]:
    """The kernel's rows of the API's socket and of the connections that were accepted there."""
    rows = [line.split() for line in Path(f"/proc/{world.pid}/net/unix").read_text().splitlines()]
    return [row for row in rows if row[-1] == str(world.socket)]


def with_the_gate_replaced(world: World) -> None:
    """What an upgrade does: skerryd ends, and another gate takes over from the one that runs."""
    ended(world)
    gate = gate_of(world)
    words = [sys.executable, "-m", "skerry.gate", "--run-dir", str(world.run_dir), "--take-over"]
    words += ["--netns", f"skerry-gate-{world.name}"]
    with (world.run_dir / "gate.log").open("ab") as log:
        subprocess.Popen(["setsid", "--fork", *world.net.within(words)], stdout=log, stderr=log).wait()
    wait_until(lambda: gate_of(world) not in (0, gate), "the next gate serves", 60)


def with_the_gate_out_of_place(world: World) -> None:
    """The gate's namespace is gone: the next skerryd has to start another gate."""
    world.kill_skerryd()
    world.run("ip", "netns", "del", f"skerry-gate-{world.name}")


ENDS = [
    killed,
    ended,
    pytest.param(after_its_gate, marks=pytest.mark.slow),
    pytest.param(with_the_gate_replaced, marks=pytest.mark.slow),
    pytest.param(with_the_gate_out_of_place, marks=pytest.mark.slow),
]


@pytest.mark.case("B13")
@pytest.mark.parametrize("end", ENDS)
def test_who_has_the_socket_bound_keeps_it(world: World, proxy: Bound, end: Callable[[World], None]) -> None:
    inode = world.socket.stat().st_ino
    end(world)
    asked = [proxy.begin() for _ in range(5)]
    assert world.skerry("status", check=False).startswith("skerry is not running")
    assert [call.poll() for call in asked] == [None] * 5
    world.up()
    for call in asked:
        assert "proxy" in Bound.names(call.communicate(timeout=PATIENT_S)[0])
    assert world.socket.stat().st_ino == inode
    assert "proxy" in proxy.services()


def signalled(world: World, container: str) -> bool:
    """Whether the engine has told of a signal to a container; skerryd is not asked."""
    kills = quote(json.dumps({"container": [container], "event": ["kill"]}))
    past = f"/events?since=0&until={int(time.time())}&filters={kills}"
    return bool(subprocess.check_output(curl(world, str(world.run_dir / "engine.sock"), past)))


@pytest.mark.case("B13")
def test_an_orderly_end_finishes_the_answers_that_are_under_way(world: World) -> None:
    container = world.docker(
        "run", "--detach", "box:1", "sh", "-c", "trap '' TERM; while :; do sleep 1; done"
    )
    listen = [*curl(world, str(world.socket), "/v1.41/events"), "--include", "--no-buffer"]
    events = subprocess.Popen(listen, stdout=subprocess.PIPE)
    assert events.stdout is not None
    assert b" 200 " in events.stdout.readline(), "it is listened to, and not only connected"
    stop = curl(world, str(world.socket), f"/v1.41/containers/{container}/stop?t=2")
    stopping = subprocess.Popen(
        [*stop, "--request", "POST", "--write-out", "%{http_code}"], stdout=subprocess.PIPE
    )
    wait_until(lambda: signalled(world, container), "the engine has been asked to stop it")
    ended(world)
    assert stopping.communicate(timeout=PATIENT_S)[0] == b"204"
    assert events.wait(PATIENT_S) != 0, "a stream without an end is cut"
    events.stdout.close()
    world.up()
    world.docker("rm", "--force", container)


@pytest.mark.case("C11")
def test_as_many_connect_at_once_as_with_dockerd(world: World) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = int(Path("/proc/sys/net/core/somaxconn").read_text())
    try:
        with ExitStack() as stack:
            clients = [
                stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(min(CONNECTIONS, room))
            ]
            for client in clients:
                client.setblocking(False)
                client.connect(str(world.socket))
            for client in clients:
                client.setblocking(True)
                client.settimeout(PATIENT_S)
                client.sendall(b"GET /_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
            for client in clients:
                assert client.recv(12) == b"HTTP/1.1 200"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.case("C10")
@pytest.mark.parametrize("count", [180, 1000, 5000])
def test_a_request_names_many_services(world: World, proxy: Bound, count: int) -> None:
    keys = [f"{number:025d}" for number in range(count - 1)] + [world.inspect("service", "proxy")["ID"]]
    filters = json.dumps({"id": dict.fromkeys(keys, True)})
    connection = UnixConnection(str(world.socket), PATIENT_S)
    connection.request("GET", f"/v1.41/services?filters={quote(filters)}")
    assert Bound.names(connection.getresponse().read()) == ["proxy"]
    connection.close()


@pytest.mark.case("C10")
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_docker_service_ps_of_a_thousand_services(world: World) -> None:
    words = (
        "--max-time",
        "60",
        "--header",
        "Content-Type: application/json",
        "--unix-socket",
        str(world.socket),
    )
    template = {"ContainerSpec": {"Image": "box:1"}}
    try:
        for number in range(1000):
            spec = {
                "Name": f"many-{number}",
                "TaskTemplate": template,
                "Mode": {"Replicated": {"Replicas": 0}},
            }
            world.run("curl", "-sf", *words, "--data", json.dumps(spec), "http://d/v1.41/services/create")
        keys = world.docker("service", "ls", "--quiet", "--filter", "name=many-").split()
        assert len(keys) == 1000
        assert world.docker("service", "ps", "--format", "{{.Name}}", *keys, timeout=300) == ""
    finally:
        keys = world.docker("service", "ls", "--quiet", "--filter", "name=many-").split()
        world.docker("service", "rm", *keys, timeout=600)
