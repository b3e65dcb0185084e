"""Every rule of docs/firewall.md, in its firewall, against a port published in either mode."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.settings import CHECKOUT
from harness.net import INSIDE6, OUTSIDE, run
from harness.world import World, wait_until
from tests.network.walls import OTHER, PORTS, answers, furnished, lets_in_all, lets_in_only_the_other

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.case("B11"), pytest.mark.timeout(300)]

PAGE = CHECKOUT / "docs" / "firewall.md"
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/>
<allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/>
<allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/>
<allow receive_type="error"/><allow receive_type="signal"/></policy></busconfig>
"""


def rules(title: str) -> str:
    """The first block of code below a heading of the page, for this world's addresses and ports."""
    section = PAGE.read_text().partition(f"\n## {title}\n")[2]
    block = re.search(r"^```[a-z]*\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block is not None, title
    text = block[1].replace("192.0.2.77", OTHER).replace("2001:db8::77", "fd99::77")
    return text.replace("8081, 8082", ", ".join(str(port) for port in PORTS.values()))


@pytest.fixture(scope="module")
def city() -> Iterator[World]:
    with furnished(World(up=False)) as world:
        yield world


def ipv6(world: World) -> bool:
    """Whether the port answers over IPv6, where the gate carries it."""
    url = f"http://[{INSIDE6}]:{PORTS['ingress']}/"
    line = ("curl", "-s", "-g", "-o", "/dev/null", "--max-time", "2", "-w", "%{http_code}", url)
    return world.run(*line, outside=True, check=False) != "000"


def test_iptables(city: World) -> None:
    lets_in_all(city)
    city.run("bash", "-ec", rules("iptables"))
    lets_in_only_the_other(city)
    city.run("iptables", "-F", "DOCKER-USER")
    lets_in_all(city)


def test_iptables_by_the_published_port(city: World) -> None:
    city.run("bash", "-ec", rules("iptables, one port"))
    try:
        lets_in_only_the_other(city)
    finally:
        city.run("iptables", "-F", "DOCKER-USER")


def test_ipv6_meets_the_rules_for_the_machine_itself(city: World) -> None:
    wait_until(lambda: ipv6(city), "it answers")
    city.run("bash", "-ec", rules("IPv6"))
    try:
        assert not ipv6(city)
    finally:
        city.run("ip6tables", "-F", "INPUT")


@pytest.mark.parametrize("title", ["nftables", "nftables, everything else dropped"])
def test_nftables(city: World, title: str) -> None:
    script = city.root / "rules.nft"
    script.write_text(rules(title))
    lets_in_all(city)
    for _ in range(2):  # loaded, and loaded again
        city.run("nft", "-f", str(script))
        lets_in_only_the_other(city)
    city.run("nft", "delete", "table", "inet", "firewall")
    lets_in_all(city)


def test_ufw(city: World) -> None:
    run("bash", str(CHECKOUT / "scripts" / "firewalls"), timeout=280)
    with ufw(city) as folder:
        _ufw(city, "--force enable")
        lets_in_all(city)
        assert not ipv6(city), "the machine's own rules"
        before, _, commands = rules("ufw").partition("COMMIT\n")
        with (folder / "ufw" / "after.rules").open("a") as file:
            file.write(f"{before}COMMIT\n")
        for command in re.findall(r"^ufw (.*)$", commands, re.MULTILINE):
            _ufw(city, command)
        lets_in_only_the_other(city)
        _ufw(city, "reload")
        lets_in_only_the_other(city)
        _ufw(city, "--force disable")
    city.run("iptables", "-F", "DOCKER-USER")
    lets_in_all(city)


PLACES = {"ufw": "/etc/ufw", "lib": "/lib/ufw", "default": "/etc/default/ufw"}


@contextmanager
def ufw(world: World) -> Iterator[Path]:
    """A configuration of its own, that of this machine untouched."""
    folder = world.root / "ufw"
    folder.mkdir()
    for name, place in PLACES.items():
        copied = Path(place).resolve()
        (shutil.copytree if copied.is_dir() else shutil.copy)(copied, folder / name)
    yield folder


def _ufw(world: World, command: str) -> None:
    folder = world.root / "ufw"
    binds = " && ".join(f"mount --bind {folder / name} {place}" for name, place in PLACES.items())
    world.run("unshare", "--mount", "bash", "-c", f"{binds} && ufw {command}")


def test_firewalld() -> None:
    """With a bus, by which the engine hears of it, too."""
    run("bash", str(CHECKOUT / "scripts" / "firewalls"), timeout=280)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with furnished(World(up=False), before=lambda world: processes.extend(firewalld(world))) as world:
            lets_in_all(world)
            assert not ipv6(world), "the machine's own rules"
            for _ in range(2):
                for command in rules("firewalld").splitlines():
                    world.run("bash", "-c", command)
                for port in PORTS.values():  # the engine hears of a reload when it is done
                    wait_until(lambda port=port: not answers(world, port, OUTSIDE, 1), "it is closed")  # type: ignore[misc]
                lets_in_only_the_other(world)
            direct = ("--permanent", "--direct", "--remove-rules", "ipv4", "filter", "DOCKER-USER")
            world.run("firewall-cmd", *direct)
            world.run("firewall-cmd", "--reload")
            lets_in_all(world)
            world.run("firewall-cmd", "--zone=public", f"--add-port={PORTS['ingress']}/tcp")
            wait_until(lambda: ipv6(world), "IPv6 is let in")
    finally:
        for process in processes:
            process.kill()
            process.wait()


def firewalld(world: World) -> Iterator[subprocess.Popen[bytes]]:
    """The bus and the daemon, started."""
    bus, settings = world.root / "bus", world.root / "bus.conf"
    settings.write_text(BUS.format(path=bus))
    world.env["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={bus}"
    folder = world.root / "firewalld"
    folder.mkdir()
    for words in (
        ["dbus-daemon", "--nofork", f"--config-file={settings}"],
        ["firewalld", "--nofork", "--nopid", f"--system-config={folder}", f"--log-file={folder / 'log'}"],
    ):
        with (world.root / "firewalld.log").open("a") as log:
            yield subprocess.Popen(world.net.within(words), env=world.env, cwd=folder, stdout=log, stderr=log)
        wait_until(bus.exists, "the bus is there")
    wait_until(lambda: world.run("firewall-cmd", "--state", check=False).strip() == "running", "it runs", 60)
