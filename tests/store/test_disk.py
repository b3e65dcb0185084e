"""A disk that is full, read-only or broken under a whole skerry: the API says so, what runs runs on, and when
the disk is well again, so is skerry, by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from harness.net import run
from harness.world import World, wait_until
from tests.store.failing_disk import failing_disk

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

ANSWER = "echo HTTP/1.1 200 OK; echo Content-Length: 3; echo Connection: close; echo; echo ok"
SERVER = f"while true; do {{ {ANSWER}; }} | nc -l -p 8080; done"


@contextmanager
def swarm_on(mount: Callable[[World, ExitStack], None]) -> Iterator[World]:
    """A world whose data directory lies on a file system of the test; the engine's data lies elsewhere."""
    with ExitStack() as stack, World(images=["box"], up=False) as world:
        world.data_dir.mkdir()
        mount(world, stack)
        where_no_file_fits(world)
        engine = world.data_dir / "engine"
        engine.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=2g", "skerry-engine", str(engine))
        world.up()
        world.load("box")
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
        world.docker("network", "create", "--driver", "overlay", "--attachable", "n")
        world.docker(
            "service", "create", "--detach", "--name", "web", "--network", "n", "--publish", "80:8080",
            "--restart-delay", "1s", "box:1", "sh", "-c", SERVER,
        )  # fmt: skip
        world.docker(
            "service", "create", "--detach", "--name", "flaky", "--restart-delay", "5s",
            "box:1", "sh", "-c", "sleep 1; exit 3",
        )  # fmt: skip
        wait_until(lambda: answers(world), "web answers", 60)
        yield world


def answers(world: World) -> bool:
    """Whether the published port does."""
    words = ["curl", "-s", "--max-time", "20", "http://127.0.0.1/"]
    return world.run(*words, check=False).strip() == "ok"


def resolves(world: World) -> bool:
    """Whether the web's name does, in a container of its network."""
    task = world.docker("ps", "-q", "--filter", "label=com.docker.swarm.service.name=web").split()[0]
    return "1 packets transmitted, 1" in world.docker(
        "exec", task, "ping", "-c", "1", "-w", "5", "web", check=False
    )


def flaky_tasks(world: World) -> set[str]:
    return set(world.docker("service", "ps", "--quiet", "flaky").split())


def waits(world: World) -> bool:
    """Whether the flaky service has a task that waits for its next try."""
    return any(task["DesiredState"] == "ready" for task in world.api().tasks("flaky"))


def warnings(world: World) -> list[str]:
    """What is wrong, without what was mended."""
    lines = world.skerry("status", check=False).splitlines()
    return [
        line for line in lines if line.startswith("warning") and not line.startswith("warning state file")
    ]


def suffers(world: World, words: str) -> None:
    """What must be so while the disk takes nothing."""
    refused = world.docker("config", "create", "lost", "/etc/hostname", check=False)
    assert f"the state in {world.data_dir}/skerry.db can't be written: " in refused
    assert f"; {words}" in refused
    assert "Nothing was changed." in refused
    wait_until(
        lambda: "warning orchestrator loop: " in world.skerry("status", check=False),
        "its loop stands still",
        60,
    )
    status = world.skerry("status", check=False)
    assert f"warning state: the state in {world.data_dir}/skerry.db can't be written: " in status
    assert "web" in world.docker("service", "ls")
    assert "kept" in world.docker("config", "ls")
    assert answers(world)
    assert resolves(world)


def recovers(world: World, pid: int) -> None:
    """What is so soon after it takes something again."""
    before = flaky_tasks(world)
    wait_until(lambda: not warnings(world), "nothing is wrong any more", 90)
    wait_until(lambda: flaky_tasks(world) - before, "what failed is tried again", 90)
    assert world.pid == pid
    assert world.docker("config", "ls", "--format", "{{.Name}}").split() == ["kept"]
    world.docker("config", "create", "after", "/etc/hostname")
    world.kill_skerryd()
    world.up()
    assert sorted(world.docker("config", "ls", "--format", "{{.Name}}").split()) == ["after", "kept"]
    assert answers(world)
    world.docker("config", "rm", "after")


def on_a_small_one(world: World, stack: ExitStack) -> None:
    run("mount", "-t", "tmpfs", "-o", "size=6m", "skerry-small", str(world.data_dir))


def where_no_file_fits(world: World) -> None:
    """Configs and secrets of tasks lie on a tmpfs of the run directory; here on a tiny one."""
    folder = world.run_dir / "tasks"
    folder.mkdir(parents=True)
    run("mount", "-t", "tmpfs", "-o", "size=16k,mode=0700", "skerry-tasks", str(folder))


def fill(folder: Path) -> Path:
    """Leave not a byte; the file that has them."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 4096, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                pass
    return ballast


@pytest.mark.case("C2")
def test_a_full_disk_stops_nothing_for_good() -> None:
    with swarm_on(on_a_small_one) as world:
        with_a_big_config(world)
        world.docker("config", "create", "kept", "/etc/hostname")
        wait_until(lambda: waits(world), "a task waits for its next try", 60)
        pid = world.pid
        ballast = fill(world.data_dir)
        suffers(world, "free some space on its file system")
        ballast.unlink()
        recovers(world, pid)


def with_a_big_config(world: World) -> None:
    """A task whose file has no place says so, and runs once it has."""
    big = world.root / "big"
    big.write_bytes(b"x" * 200_000)
    world.docker("config", "create", "big", str(big))
    words = ("--restart-delay", "1s", "--restart-max-attempts", "0", "--config", "big")
    world.docker("service", "create", "--detach", "--name", "large", *words, "box:1")
    said = "No space left on device"
    wait_until(lambda: said in world.docker("service", "ps", "--no-trunc", "large"), "it says why", 60)
    assert answers(world)
    run("mount", "-o", "remount,size=10m", str(world.run_dir / "tasks"))
    wait_until(
        lambda: "large  1/1" in world.skerry("status", check=False), "it runs when there is a place", 120
    )
    world.docker("service", "rm", "large")
    wait_until(lambda: not world.docker("ps", "-aq", "--filter", "name=large"), "it is gone", 60)
    world.docker("config", "rm", "big")


@pytest.mark.slow
@pytest.mark.case("C3")
def test_a_broken_disk_stops_nothing_for_good() -> None:
    control: list[Path] = []

    def mount(world: World, stack: ExitStack) -> None:
        control.append(stack.enter_context(failing_disk(world.root / "disk", world.data_dir)))

    with swarm_on(mount) as world:
        world.docker("config", "create", "kept", "/etc/hostname")
        pid = world.pid
        for error, words in [
            ("ENOSPC", "free some space on its file system"),
            ("EROFS", "look at its disk"),
            ("EIO", "look at its disk"),
            ("EIO read", "look at its disk"),
        ]:
            wait_until(lambda: waits(world), "a task waits for its next try", 60)
            control[0].write_text(error)
            suffers(world, words)
            control[0].write_text("")
            recovers(world, pid)
            pid = world.pid
