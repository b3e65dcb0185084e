"""Who reaches the story's stack, and who must not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.net import INSIDE, INSIDE6, OUTSIDE
from harness.world import World, wait_until
from tests.story.stack import APP, FIREWALL, STRANGER, WEB, running

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

HOST_ADDRESS = f"http://{INSIDE}/"


def addresses(world: World, service: str) -> list[str]:
    """Addresses of its VIPs and of its tasks."""
    vips = [one["Addr"] for one in world.api().service(service)["Endpoint"]["VirtualIPs"]]
    tasks = [attached for task in running(world, service) for attached in task["NetworksAttachments"]]
    found = vips + [address for attached in tasks for address in attached["Addresses"]]
    return [address.partition("/")[0] for address in found]


def curl(world: World, url: str, *, outside: bool = False) -> str:
    """What a URL answers, or "" where it does not within 3 s."""
    return world.run("curl", "-s", "-g", "--max-time", "3", url, outside=outside, check=False)


def from_stranger(world: World, url: str) -> str:
    """The same from the container on the other network."""
    container = running(world, STRANGER)[0]["Status"]["ContainerStatus"]["ContainerID"]
    return world.as_container(container, "curl", "-s", "--max-time", "3", url, check=False)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://[::1]/", HOST_ADDRESS])
def test_the_published_port_answers_on_every_address_of_the_machine(stack: World, url: str) -> None:
    assert "Version: " in curl(stack, url)


def test_the_published_port_answers_another_host_and_sees_its_address(stack: World) -> None:
    assert "Version: " in curl(stack, HOST_ADDRESS, outside=True)
    assert curl(stack, f"{HOST_ADDRESS}web/me", outside=True) == f"{OUTSIDE}\n"


def test_the_published_port_answers_a_container_of_another_network(stack: World) -> None:
    assert "Version: " in from_stranger(stack, HOST_ADDRESS)


@pytest.mark.parametrize("address", [INSIDE, f"[{INSIDE6}]"])
def test_the_published_port_answers_another_host_behind_a_firewall(stack: World, address: str) -> None:
    rules = stack.root / "firewall.nft"
    rules.write_text(FIREWALL)
    stack.run("nft", "-f", str(rules))
    try:
        assert "Version: " in curl(stack, f"http://{address}/", outside=True)
    finally:
        stack.run("nft", "delete", "table", "inet", "firewall")


def test_from_outside_no_vip_and_no_task_answers(stack: World) -> None:
    found = addresses(stack, APP) + addresses(stack, WEB)
    assert len(found) == 5
    urls = [f"http://{address}:{port}/" for address in found for port in (80, 8080)]
    lines = "".join(f"curl -s --max-time 3 {url} & " for url in urls)
    assert stack.run("bash", "-c", f"{lines} wait", outside=True) == ""


def test_a_container_of_another_network_reaches_no_vip_and_no_task(stack: World) -> None:
    for address in addresses(stack, APP):
        assert "Version" not in from_stranger(stack, f"http://{address}:8080/")


@contextmanager
def listener(world: World, address: str, port: int) -> Iterator[None]:
    """A program of somebody else that serves HTTP inside."""
    words = world.net.within([sys.executable, "-m", "http.server", "--bind", address, str(port)])
    process = subprocess.Popen(
        words,
        cwd=world.root / "c",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: curl(world, f"http://127.0.0.1:{port}/"), "the listener answers", 10)
        yield
    finally:
        process.kill()
        process.wait()


def test_a_container_does_not_reach_the_loopback_of_the_host_by_crafted_frames(stack: World) -> None:
    container = running(stack, APP)[0]["Status"]["ContainerStatus"]["ContainerID"]
    gateway = str(stack.inspect("network", "story_front")["IPAM"]["Config"][0]["Gateway"]).partition("/")[0]
    device = "sed -n 's/ *\\(eth[0-9]*\\):.*/\\1/p' /proc/net/dev"
    craft = f"""
        for dev in $({device}); do sysctl -qw net.ipv4.conf.$dev.route_localnet=1; done
        ip address delete 127.0.0.1/8 dev lo
        ip route add 127.0.0.0/8 via {gateway}
        curl -s --max-time 3 http://127.0.0.1:7777/ || true
        ip route delete 127.0.0.0/8
        ip address add 127.0.0.1/8 dev lo
    """
    with listener(stack, "127.0.0.1", 7777):
        said = stack.as_container(container, "bash", "-c", craft)
    assert said == ""


def test_a_port_that_another_program_holds_is_waited_for(stack: World) -> None:
    with listener(stack, "0.0.0.0", 8081):
        port = "published=8081,target=8080,mode=host"
        stack.docker("service", "create", "--detach", "--name", "late", "--publish", port, "story-app:1.0.1")

        def waits_with_reason() -> bool:
            tasks = stack.api().live("late")
            return bool(tasks) and "8081" in str(tasks[0]["Status"].get("Err", ""))

        wait_until(waits_with_reason, "the task waits and says for which port")
        assert running(stack, "late") == []
    wait_until(lambda: running(stack, "late"), "the task runs once the port is free", 60)
    wait_until(lambda: "Version: 1.0.1" in curl(stack, "http://127.0.0.1:8081/"), "the port answers", 10)
    stack.docker("service", "rm", "late")


def test_web_never_dies_of_an_unknown_name_though_it_comes_first(stack: World) -> None:
    label = ["--label", "com.docker.stack.namespace=early"]
    more = [*label, "--container-label", "com.docker.stack.namespace=early"]
    for _ in range(3):
        stack.docker("network", "create", "--driver", "overlay", *label, "early_front")
        network = ["--network", "name=early_front,alias="]
        stack.docker(
            *("service", "create", "--detach", "--name", "early_web", "--mode", "global", *more),
            *(network[0], network[1] + "web", "--publish", "published=8082,target=80,mode=host"),
            "story-web:1.0.0",
        )
        wait_until(
            lambda: any(
                task["Status"]["State"] in ("starting", "running") for task in stack.api().tasks("early_web")
            ),
            "nginx starts",
        )
        stack.docker(
            *("service", "create", "--detach", "--name", "early_app", "--replicas", "2", *more),
            *(network[0], network[1] + "app"),
            "story-app:1.0.0",
        )
        wait_until(lambda: "Version" in curl(stack, "http://127.0.0.1:8082/"), "the stack answers")
        assert len(stack.api().tasks("early_web")) == 1
        stack.docker("stack", "rm", "early")
        wait_until(
            lambda: not stack.docker("ps", "-q", "--filter", "label=com.docker.stack.namespace=early"),
            "it is gone",
        )
        wait_until(lambda: "early_front" not in stack.docker("network", "ls"), "its network is gone")
