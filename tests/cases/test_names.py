"""Names inside of containers, on a host whose resolv.conf says what breaks the engine's own resolver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from harness.net import run
from harness.world import World, wait_until
from skerry.agent.resolvfiles import host_resolv_conf
from skerry.core.resolvconf import of_task

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

HOST = "search lan.example\nnameserver 192.0.2.53\noptions ndots:2 timeout:1\n"
SERVE = "echo $HOSTNAME >/tmp/index.html; exec httpd -f -p 80 -h /tmp"
EMBEDDED = "127.0.0.11"
ASK = """
import sys, dns.message, dns.query
server, transport, name, kind = sys.argv[1:]
question = dns.message.make_query(name, kind)
answer = getattr(dns.query, transport)(question, server, timeout=20)
print(" ".join(sorted(record.to_text() for records in answer.answer for record in records)))
"""
RESOLVE = """
import socket, sys
found = socket.getaddrinfo(sys.argv[1], 80, socket.AF_INET, socket.SOCK_STREAM)
print(" ".join(sorted({place[4][0] for place in found})))
"""


class Host(World):
    """A world whose /etc/resolv.conf is another."""

    def __enter__(self) -> Host:
        super().__enter__()
        return self

    def command(self, *words: str) -> list[str]:
        """As ever, with the file in the place of the machine's; other mounts are those of the machine."""
        file = self.root / "resolv.conf"
        file.write_text(HOST)
        mount = 'mount --make-private / && mount --bind "$0" /etc/resolv.conf && exec "$@"'
        line = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", mount, str(file)]
        return [*line, *super().command(*words)]

    def service(self, name: str, *options: str, image: str = "box:1", line: str = "sleep 1000000") -> None:
        """A service on the network `front`."""
        on_front = ["--network", "front", "--detach", "--no-resolve-image", "--name", name]
        on_front += ["--stop-grace-period", "1s"]
        self.docker("service", "create", *on_front, *options, image, "sh", "-c", line)

    def container(self, service: str) -> str:
        """The ID of the container of a service that runs."""
        for_it = ["--filter", f"label=com.docker.swarm.service.name={service}"]
        wait_until(lambda: self.docker("ps", "-q", *for_it), f"{service} runs", 60)
        return self.docker("ps", "-q", "--no-trunc", *for_it).split()[0]

    def address(self, container: str, network: str = "front") -> str:
        """Where a container is on a network."""
        place = self.inspect("container", container)["NetworkSettings"]["Networks"][network]
        return str(place["IPAddress"])

    def vip(self, service: str, network: str = "front") -> str:
        """The service's address on a network."""
        key = self.inspect("network", network)["Id"]
        vips = self.inspect("service", service)["Endpoint"]["VirtualIPs"]
        return next(str(one["Addr"]).partition("/")[0] for one in vips if one["NetworkID"] == key)

    def ask(
        self, container: str, name: str, server: str = EMBEDDED, transport: str = "udp", kind: str = "A"
    ) -> str:
        """What a name server says to a container."""
        return self.as_container(container, sys.executable, "-c", ASK, server, transport, name, kind).strip()

    def resolve(self, container: str, name: str) -> str:
        """What glibc finds in a container, without the engine's help."""
        pid = self.inspect("container", container)["State"]["Pid"]
        return self.inside(pid, "python3", "-c", RESOLVE, name).strip()

    def inside(self, pid: int, *words: str) -> str:
        """Run a program of a container's there."""
        return self.run("nsenter", f"--target={pid}", "--net", "--mount", *words)


@pytest.fixture(scope="module")
def host(story_images: Path) -> Iterator[Host]:
    with Host(images=["box", "story"]) as world:
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        world.docker("network", "create", "--driver", "overlay", "--attachable", "front")
        world.service("web", "--hostname", "web", "--replicas", "2", line=SERVE)
        python = {"image": "story-app:1.0.0", "line": "sleep 1000000"}
        world.service("plain", "--no-healthcheck", **python)
        locked = ["--read-only", "--cap-drop", "ALL", "--user", "65534", "--no-healthcheck"]
        world.service("locked", *locked, **python)
        for number in (0, 5):
            options = ["--dns-option", f"ndots:{number}", "--dns-search", "x.example", "--no-healthcheck"]
            world.service(f"ndots{number}", *options, **python)
        for service in ("web", "plain", "locked", "ndots0", "ndots5"):
            world.container(service)
        yield world


@pytest.mark.parametrize(
    "service",
    [
        pytest.param("plain", marks=pytest.mark.case("N3")),
        pytest.param("locked", marks=pytest.mark.case("N3")),
        *[pytest.param(f"ndots{number}", marks=pytest.mark.case("N2")) for number in (0, 5)],
    ],
)
def test_a_short_name_is_found(host: Host, service: str) -> None:
    container = host.container(service)
    assert host.resolve(container, "web") == host.vip("web")
    assert len(host.resolve(container, "tasks.web").split()) == 2


@pytest.mark.case("N3")
def test_busybox_finds_a_short_name(host: Host) -> None:
    host.service("busybox", "--dns-option", "ndots:2")
    assert "1 packets received" in host.docker("exec", host.container("busybox"), "ping", "-c", "1", "plain")


@pytest.mark.case("N2")
@pytest.mark.parametrize(
    ("service", "lines"),
    [
        ("plain", ["search lan.example", "nameserver LEG", "options ndots:2 timeout:1"]),
        ("ndots5", ["search x.example", "nameserver LEG", "options ndots:5"]),
    ],
)
def test_what_a_task_s_file_says(host: Host, service: str, lines: list[str]) -> None:
    said = host.docker("exec", host.container(service), "cat", "/etc/resolv.conf").splitlines()
    leg = host.inspect("network", "front")["IPAM"]["Config"][0]["Subnet"].replace(".0/24", ".254")
    assert said == [line.replace("LEG", leg) for line in lines]


@pytest.mark.case("N2")
def test_nobody_sees_the_file_of_a_task(host: Host) -> None:
    container = host.container("ndots5")
    seen = host.inspect("container", container)
    assert (seen["Mounts"], seen["HostConfig"]["Binds"], seen["HostConfig"].get("Mounts")) == ([], None, None)
    assert seen["ResolvConfPath"] == str(Path(seen["HostnamePath"]).with_name("resolv.conf"))
    settings = {key: seen["HostConfig"][key] for key in ("Dns", "DnsSearch", "DnsOptions")}
    assert settings == {"Dns": None, "DnsSearch": ["x.example"], "DnsOptions": ["ndots:5"]}
    assert host.docker("ps", "--filter", f"id={container}", "--format", "{{.Mounts}}") == ""


@pytest.mark.case("N10")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("service", ["plain", "locked", "ndots5"])
def test_the_engine_s_address_gives_skerry_s_answers(host: Host, service: str, transport: str) -> None:
    container, vip = host.container(service), host.vip("web")
    for name in ("web", "WEB", "web."):
        assert host.ask(container, name, transport=transport) == vip, name
    assert len(host.ask(container, "tasks.web", transport=transport).split()) == 2
    own = host.address(container)
    assert host.ask(container, container[:12], transport=transport) == own


@pytest.mark.case("N1")
def test_a_service_with_its_name_as_hostname_is_its_vip(host: Host) -> None:
    """Through an update that stops first: no request fails, nor meets a bare task."""
    client, vip = host.container("plain"), host.vip("web")
    pid = host.inspect("container", client)["State"]["Pid"]
    load = (
        "import socket, sys, urllib.request, pathlib\n"
        "pages, failed, wrong = 0, 0, 0\n"
        "print('begun', flush=True)\n"
        "while not pathlib.Path('/tmp/enough').exists():\n"
        f"    wrong += socket.gethostbyname('web') != '{vip}'\n"
        "    try:\n"
        "        pages += bool(urllib.request.urlopen('http://web/', timeout=60).read())\n"
        "    except OSError:\n"
        "        failed += 1\n"
        "print(pages, failed, wrong)\n"
    )
    line = ["nsenter", f"--target={pid}", "--net", "--mount", "python3", "-c", load]
    running = subprocess.Popen(host.net.within(line), stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        assert running.stdout.readline() == "begun\n"
        host.docker("service", "update", "--force", "--detach=false", "--quiet", "web", timeout=200)
        host.docker("exec", client, "touch", "/tmp/enough")
        pages, failed, wrong = map(int, running.communicate(timeout=200)[0].split())
    finally:
        running.kill()
        running.communicate()
    assert pages > 0
    assert (failed, wrong) == (0, 0)


@contextmanager
def stopped_engine(host: Host) -> Iterator[None]:
    """No engine answers meanwhile."""
    pid = int((host.run_dir / "engine.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.case("N9")
def test_names_while_the_engine_is_stopped(host: Host) -> None:
    vip = host.vip("web")
    pids = [host.inspect("container", host.container(name))["State"]["Pid"] for name in ("plain", "locked")]
    with stopped_engine(host):
        for pid in pids:
            assert host.inside(pid, "python3", "-c", RESOLVE, "web").strip() == vip
            line = ["nsenter", f"--target={pid}", "--net", sys.executable, "-c", ASK, EMBEDDED]
            for transport in ("udp", "tcp"):
                assert host.run(*line, transport, "web", "A").strip() == vip


@pytest.mark.slow
@pytest.mark.case("N9")
def test_names_after_another_engine_has_come(host: Host) -> None:
    """It lays rules of its own in every container."""
    container, vip = host.container("plain"), host.vip("web")
    before = int((host.run_dir / "engine.pid").read_text())
    os.kill(before, signal.SIGKILL)

    def is_back() -> bool:
        try:
            another = int((host.run_dir / "engine.pid").read_text()) != before
        except (OSError, ValueError):
            return False
        return another and container[:12] in host.docker("ps", "-q", check=False).split()

    wait_until(is_back, "the engine is back", 120)
    assert host.ask(container, "web") == vip
    assert host.resolve(container, "web") == vip


@pytest.mark.case("N2")
def test_the_file_may_be_written_and_outlives_a_restart(host: Host) -> None:
    """As Docker's own: a VPN's program puts its server there."""
    host.service("vpn", line="sleep 1000000")
    container = host.container("vpn")
    host.docker("exec", container, "sh", "-c", "echo nameserver 192.0.2.1 >/etc/resolv.conf")
    assert host.docker("exec", container, "cat", "/etc/resolv.conf") == "nameserver 192.0.2.1"
    host.kill_skerryd()
    host.up()
    assert host.container("vpn") == container
    assert host.docker("exec", container, "cat", "/etc/resolv.conf") == "nameserver 192.0.2.1"
    host.docker("service", "rm", "vpn")
    wait_until(lambda: not host.docker("ps", "-aq", "--filter", f"id={container}"), "it is gone")
    files = host.run_dir / "resolv"
    wait_until(lambda: "192.0.2.1" not in "".join(map(Path.read_text, files.iterdir())), "its file, too")


@pytest.mark.case("N2")
@pytest.mark.parametrize("kind", ["mount", "config"])
def test_a_file_of_the_user_s_own_stays(host: Host, kind: str) -> None:
    mine = host.root / "mine.conf"
    mine.write_text("nameserver 192.0.2.7\n")
    if kind == "config":
        host.docker("config", "create", "mine", str(mine))
    options = {
        "mount": ["--mount", f"type=bind,source={mine},target=/etc/resolv.conf"],
        "config": ["--config", "source=mine,target=/etc/resolv.conf"],
    }
    host.service(f"own-{kind}", *options[kind])
    container = host.container(f"own-{kind}")
    assert host.docker("exec", container, "cat", "/etc/resolv.conf") == "nameserver 192.0.2.7"
    shown = [one["Destination"] for one in host.inspect("container", container)["Mounts"]]
    assert shown == (["/etc/resolv.conf"] if kind == "mount" else [])
    assert host.ask(container, "web") == host.vip("web")


# Plain containers.


@pytest.fixture(scope="module")
def guests(host: Host) -> dict[str, str]:
    """The IDs of plain containers on the network."""

    def start(name: str, *options: str) -> str:
        return host.docker("run", "--detach", "--name", name, *options, "box:1")

    on_front = ["--network", "front"]
    found = {"cache": start("cache", *on_front, "--network-alias", "Redis", "--hostname", "machine")}
    found["linked"] = start("linked", *on_front, "--link", "cache:store", "--dns-option", "ndots:3")
    found["late"] = start("late")
    host.docker("network", "connect", "--alias", "later", "front", "late")
    host.docker("network", "create", "project")
    found["app"] = start("app", "--network", "project")
    found["db"] = start("db", "--network", "project", "--network-alias", "database")
    host.docker("network", "connect", "front", "app")
    return found


@cache
def _addresses(host: Host) -> dict[str, str]:
    names = ("cache", "linked", "late", "app")
    return {name: host.address(name) for name in names} | {"db": host.address("db", "project")}


@pytest.mark.parametrize(
    ("asker", "name", "answer"),
    [
        # of tasks, about guests
        ("plain", "cache", "cache"),
        ("plain", "redis", "cache"),
        ("plain", "machine", "cache"),
        ("plain", "ID of cache", "cache"),
        ("plain", "cache.front", "cache"),
        ("plain", "later", "late"),
        ("plain", "app", "app"),
        ("locked", "linked", "linked"),
        # of guests, about services and guests
        *[(guest, "web", "web") for guest in ("cache", "linked", "late", "app")],
        *[(guest, "redis", "cache") for guest in ("linked", "late", "app")],
        ("late", "ID of cache", "cache"),
        ("linked", "store", "cache"),
        ("cache", "machine", "cache"),
        ("cache", "later", "late"),
        # on a network of the engine's that one of them is on, too
        ("app", "db", "db"),
        ("app", "database", "db"),
    ],
)
@pytest.mark.case("N10")
def test_guests_have_names_and_see_them(
    host: Host, guests: dict[str, str], asker: str, name: str, answer: str
) -> None:
    name = guests[name.removeprefix("ID of ")][:12] if name.startswith("ID of ") else name
    container = guests.get(asker) or host.container(asker)
    assert host.ask(container, name) == (_addresses(host).get(answer) or host.vip(answer))


@pytest.mark.case("N3")
def test_a_guest_pings_a_service_s_task(host: Host, guests: dict[str, str]) -> None:
    for guest in ("cache", "linked"):
        assert "1 packets received" in host.docker("exec", guest, "ping", "-c", "1", "tasks.plain")


@pytest.mark.case("N9")
def test_guests_have_names_while_the_engine_is_stopped(host: Host, guests: dict[str, str]) -> None:
    place = f"/proc/{host.inspect('container', 'cache')['State']['Pid']}/ns/net"
    answers = {"web": host.vip("web"), "later": host.address("late")}
    with stopped_engine(host):
        for name, address in answers.items():
            line = ["nsenter", f"--net={place}", sys.executable, "-c", ASK, EMBEDDED, "udp", name, "A"]
            assert host.run(*line).strip() == address


@pytest.mark.case("N10")
def test_a_guest_is_known_as_soon_as_it_runs_and_forgotten_with_its_end(host: Host) -> None:
    asker = host.container("plain")
    for _ in range(5):
        key = host.docker("run", "--detach", "--rm", "--network", "front", "--name", "brief", "box:1")
        assert host.ask(asker, "brief") == host.address(key)
        host.docker("network", "disconnect", "front", "brief")
        assert host.ask(asker, "brief") == ""
        host.docker("rm", "--force", "brief")


@pytest.mark.case("N10")
def test_a_guest_that_is_restarted_asks_the_gate_again(host: Host, guests: dict[str, str]) -> None:
    host.docker("restart", "--time", "0", "late")
    vip = host.vip("web")
    wait_until(lambda: host.ask("late", "web") == vip, "127.0.0.11 leads to the gate")
    assert host.ask(host.container("plain"), "later") == host.address("late")


@pytest.mark.case("N10")
def test_the_next_skerryd_lays_what_is_missing_in_a_task(host: Host) -> None:
    """A container of an older skerry has no rule."""
    container = host.container("locked")
    host.as_container(container, "nft", "delete", "table", "ip", "skerry-names")
    host.kill_skerryd()
    host.up()
    tables = ("nft", "list", "tables")
    wait_until(lambda: "skerry-names" in host.as_container(container, *tables), "the rule is back")
    assert host.ask(container, "web", transport="tcp") == host.vip("web")


@pytest.mark.case("N10")
def test_guests_are_known_to_the_next_skerryd_from_the_first(host: Host, guests: dict[str, str]) -> None:
    pid, address = host.inspect("container", "cache")["State"]["Pid"], host.address("cache")
    line = ["nsenter", f"--target={pid}", "--net", sys.executable, "-c", ASK, EMBEDDED, "udp", "redis", "A"]
    host.kill_skerryd()
    assert host.run(*line).strip() == address
    host.up()
    assert host.run(*line).strip() == address
    assert json.loads(host.docker("inspect", "cache"))[0]["HostConfig"]["Dns"] == []


# What a genuine Swarm's tasks have.


@pytest.mark.case("N2")
@pytest.mark.parametrize(
    ("search", "options"),
    [([], []), (["x.example", "y.example"], ["ndots:2", "timeout:1"]), ([], ["rotate"])],
    ids=["the-host-s", "all-its-own", "options"],
)
def test_but_for_who_is_asked_a_file_says_what_swarm_s_does(
    genuine_swarm: Path, search: list[str], options: list[str]
) -> None:
    docker = ["docker", "--host", f"unix://{genuine_swarm}"]
    name = f"resolv{len(search)}{len(options)}"
    words = [f"--dns-search={domain}" for domain in search] + [f"--dns-option={word}" for word in options]
    run(*docker, "network", "create", "--driver", "overlay", name)
    run(*docker, "service", "create", "--detach", "--network", name, "--name", name, *words, "box:1")
    try:
        running = [*docker, "ps", "-q", "--filter", f"name={name}"]
        wait_until(lambda: run(*running), "the task runs", 60)
        text = run(*docker, "exec", run(*running).strip(), "cat", "/etc/resolv.conf")
    finally:
        run(*docker, "service", "rm", name)
        wait_until(lambda: not run(*docker, "ps", "-aq", "--filter", f"name={name}"), "its task is gone", 60)
        run(*docker, "network", "rm", name)
    ours = of_task([EMBEDDED], host_resolv_conf(), search, options)
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert sorted(lines) == sorted(ours.render().splitlines())
