"""A machine boots: everything that ran is gone, and what skerry needs may come later than skerry does. The
stack comes back by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.machines_engine import MachinesEngine
from harness.net import INSIDE, run
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

BACK_S = 120
SERVE = ("sh", "-c", "echo served > /index.html; exec httpd -f -p 80 -h /")


class Disk:
    """That of a world's data directory: mounted, or not yet."""

    def __init__(self, world: World) -> None:
        self._world = world

    def mount(self) -> None:
        """It comes; what is below stays."""
        disk = self._world.root / "disk"
        disk.mkdir(exist_ok=True)
        self._world.data_dir.mkdir(exist_ok=True)
        run("mount", "--bind", str(disk), str(self._world.data_dir))


@pytest.fixture(scope="module")
def machine() -> Iterator[World]:
    """A world with a stack, whose data directory is a disk of its own, and whose engine is private."""
    with World(up=False) as world:
        Disk(world).mount()
        world.up()
        world.load("box")
        deploy(world)
        yield world


def deploy(world: World) -> None:
    """A service of two tasks with a secret, behind a published port."""
    world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
    world.docker("network", "create", "--driver", "overlay", "n")
    world.run("sh", "-c", "echo kept | docker secret create key -")
    words = ("--detach", "--quiet", "--name=web", "--replicas=2", "--network=n", "--secret=key")
    world.docker("service", "create", *words, "--publish=8080:80", "--no-resolve-image", "box:1", *SERVE)
    assert_back(world)


def is_back(world: World) -> bool:
    """Whether the service runs as a whole, and is reached from another machine."""
    listed = world.docker("service", "ls", "--format={{.Name}} {{.Replicas}}", check=False)
    words = ("curl", "--silent", "--max-time", "5", f"http://{INSIDE}:8080/")
    return "web 2/2" in listed and world.run(*words, outside=True, check=False) == "served\n"


def assert_back(world: World) -> None:
    wait_until(lambda: is_back(world), "the stack is there", BACK_S)
    wait_until(lambda: world.attempt("status")[0] == 0, "all is as it should be", BACK_S)
    container = world.docker("ps", "--quiet", "--filter=label=com.docker.swarm.service.name=web").split()[0]
    assert world.docker("exec", container, "cat", "/run/secrets/key") == "kept"


def test_the_network_comes_later(machine: World) -> None:
    machine.reboot(plugged=False)
    Disk(machine).mount()
    machine.up()
    wait_until(lambda: "web 2/2" in services(machine), "the tasks run", BACK_S)
    machine.net.plug()
    assert_back(machine)


def services(world: World) -> str:
    return world.docker("service", "ls", "--format={{.Name}} {{.Replicas}}", check=False)


def test_the_disk_of_the_data_directory_comes_later(machine: World) -> None:
    machine.reboot()
    machine.up()
    assert machine.docker("info", "--format={{.Swarm.LocalNodeState}}") == "inactive"
    Disk(machine).mount()
    assert_back(machine)
    assert not list(machine.data_dir.glob("skerry.db.*")), "a state was put aside"


def test_the_machines_engine_comes_later() -> None:
    with World(up=False) as world, MachinesEngine(world) as engine:
        engine.start()
        world.engine = f"unix://{engine.socket}"
        world.up()
        world.load("box")
        deploy(world)
        world.reboot()
        world.engine = ""
        world.up()
        assert "waiting for the engine" in world.attempt("status")[1]
        engine.start()
        assert_back(world)
