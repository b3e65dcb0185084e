"""Who keeps the address of a task that leaves is served on, and never by another service."""

from __future__ import annotations

import json

import pytest

from harness.world import World, wait_until
from tests.support.asked import asked

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]

SERVING = 'trap "kill $!; exit 0" TERM; echo {name} > /tmp/name; httpd -f -p 8080 -h /tmp & wait'


def serve(world: World, name: str, *words: str) -> None:
    line = [
        "--name",
        name,
        "--network",
        "back",
        "--update-monitor",
        "100ms",
        "--stop-grace-period",
        "2s",
        *words,
    ]
    line += ["--label", "skerry.ready.ports=8080", "box:1", "sh", "-c", SERVING.format(name=name)]
    world.docker("service", "create", *line)


def addresses(world: World, service: str) -> set[str]:
    """Where its tasks run."""
    running = [task for task in world.api().tasks(service) if task["Status"]["State"] == "running"]
    return {
        place.partition("/")[0] for task in running for place in task["NetworksAttachments"][0]["Addresses"]
    }


def begin(world: World, subnet: str = "10.20.0.0/24") -> None:
    world.docker("network", "create", "--driver", "overlay", "--attachable", "--subnet", subnet, "back")
    world.docker("run", "--detach", "--name", "client", "--network", "back", "box:1", "sleep", "1000")


def end(world: World, *services: str) -> None:
    world.docker("service", "rm", *services)
    world.docker("rm", "--force", "client")
    wait_until(lambda: world.docker("network", "rm", "back", check=False) == "back", "the network is free")


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_the_address_of_a_task_serves_on_while_it_is_replaced_and_when_it_is_gone(
    world: World, order: str
) -> None:
    begin(world)
    serve(world, "app", "--update-order", order)
    (address,) = addresses(world, "app")
    with asked(world, f"http://{address}:8080/name", "client"):
        world.docker("service", "update", "--force", "app")
        assert address not in addresses(world, "app")
        world.docker("service", "update", "--force", "app")
        world.docker("service", "scale", "app=2")
        world.docker("service", "scale", "app=1")
    end(world, "app")


def test_an_address_is_held_while_nothing_is_ready_and_let_go_when_something_is(world: World) -> None:
    begin(world)
    serve(world, "app")
    (address,) = addresses(world, "app")
    world.docker("service", "scale", "app=0")
    with asked(world, f"http://{address}:8080/name", "client"):
        world.docker("service", "scale", "app=1")
    end(world, "app")


def test_no_address_leads_to_another_service(world: World) -> None:
    """On so small a network, addresses come round at once."""
    begin(world, "10.20.0.0/28")
    serve(world, "one", "--replicas", "3")
    serve(world, "two", "--replicas", "2")
    for _ in range(4):
        world.docker("service", "update", "--force", "one")
        world.docker("service", "update", "--force", "two")
        world.docker("service", "scale", "one=1", "two=4")
        owner = {address: name for name in ("one", "two") for address in addresses(world, name)}
        assert len(owner) == 5
        for address, name in owner.items():
            line = ("curl", "--silent", "--show-error", "--max-time", "10", f"http://{address}:8080/name")
            assert world.as_container("client", *line).strip() == name, address
        world.docker("service", "scale", "one=3", "two=2")
    end(world, "one", "two")


def test_without_an_afterlife_an_address_is_gone_with_its_task(world: World) -> None:
    begin(world)
    serve(world, "app", "--label", "skerry.address.afterlife=0s")
    (address,) = addresses(world, "app")
    world.docker("service", "update", "--force", "app")
    said = world.as_container(
        "client",
        "curl",
        "--silent",
        "--show-error",
        "--max-time",
        "5",
        f"http://{address}:8080/name",
        check=False,
    )
    assert "curl: (" in said
    assert json.loads(world.skerry("status", "--json"))["problems"] == []
    end(world, "app")
