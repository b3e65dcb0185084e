"""Networks that exclude each other: a genuine Swarm rejects the tasks, skerry the service."""

from __future__ import annotations

import pytest

from harness.world import World

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.case("F17"), pytest.mark.timeout(240)]


@pytest.mark.parametrize("networks", [("host", "n"), ("n", "host")])
def test_it_is_refused_before_anything_starts(world: World, networks: tuple[str, ...]) -> None:
    links = world.run("ip", "-o", "link")
    world.docker("network", "create", "--driver", "overlay", "n", check=False)
    named = [word for network in networks for word in ("--network", network)]
    words = world.docker("service", "create", "--detach", "--name", "both", *named, "box:1", check=False)
    assert "network host cannot be used together with other networks" in words
    assert "both" not in world.docker("service", "ls", "--format", "{{.Name}}").split()
    others = {line.split(":")[1].partition("@")[0] for line in world.run("ip", "-o", "link").splitlines()}
    assert not [name for name in others if "veth" in name and name not in links], "no link in the machine"
