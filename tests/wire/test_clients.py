"""Real clients, as their registries have them, each through a scenario of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.settings import CHECKOUT
from harness.world import World

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

HERE = Path(__file__).parent / "clients"
CLIENTS = CHECKOUT / ".cache" / "clients" / "bin"


PROGRAMS = [path for path in ("/usr/bin/docker", "/usr/local/bin/docker") if Path(path).exists()]
"""Debian's docker CLI, and a newer one where the machine has it."""
COMPOSES = ["docker-compose", str(CHECKOUT / ".venv" / "bin" / "docker-compose")]
"""The machine's own Compose, and the one that skerry reads compose files with."""


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """The clients, brought where they are missing."""
    subprocess.run(["bash", str(CHECKOUT / "scripts" / "clients")], check=True, timeout=1500)


@pytest.fixture(autouse=True)
def emptied(world: World) -> Iterator[None]:
    """What a client that failed has left is not in the next one's way."""
    yield
    for kind in ("service", "config", "secret"):
        left = world.docker(kind, "ls", "--quiet").split()
        if left:
            world.docker(kind, "rm", *left)


def test_aiodocker(world: World) -> None:
    assert "aiodocker: ok" in world.run(str(CLIENTS / "python"), str(HERE / "with_aiodocker.py"), timeout=90)


def test_python_on_whales(world: World) -> None:
    said = world.run(str(CLIENTS / "python"), str(HERE / "with_whales.py"), timeout=120)
    assert "python-on-whales: ok" in said


def test_ansible(world: World) -> None:
    for first, last in ((True, False), (False, True)):
        said = world.run(
            "env",
            f"ANSIBLE_COLLECTIONS_PATH={CHECKOUT / '.cache' / 'collections'}",
            f"ANSIBLE_LOCAL_TEMP={world.root / 'ansible'}",
            f"ANSIBLE_REMOTE_TEMP={world.root / 'ansible'}",
            "ANSIBLE_HOME=" + str(world.root / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING=false",
            str(CLIENTS / "ansible-playbook"),
            "-e",
            f'{{"first": {str(first).lower()}, "last": {str(last).lower()}}}',
            "-e",
            f"ansible_python_interpreter={CLIENTS / 'python'}",
            str(HERE / "play.yml"),
            timeout=180,
        )
        assert "failed=0" in said


@pytest.mark.parametrize("program", COMPOSES)
def test_compose(world: World, program: str) -> None:
    world.docker("network", "create", "--driver", "overlay", "--attachable", "shared")
    compose = [program, "--project-name", "c", "--file", str(HERE / "compose.yml")]
    world.run(*compose, "up", "--detach", timeout=90)
    assert world.run(*compose, "exec", "-T", "one", "echo", "hello").strip().endswith("hello")
    container = world.run(*compose, "ps", "--quiet", "one").split()[-1]  # below what it warns of
    assert container in world.inspect("network", "shared")["Containers"]
    world.run(*compose, "down", timeout=60)
    world.docker("network", "rm", "shared")


@pytest.mark.parametrize("program", PROGRAMS)
def test_docker_cli(world: World, program: str) -> None:
    def docker(*words: str) -> str:
        return world.run(program, *words, timeout=90).strip()

    quick = ["--stop-grace-period", "1s", "--update-monitor", "1s"]
    assert "converged" in docker("service", "create", "--name", "cli", *quick, "box:1", "sleep", "100000")
    assert "converged" in docker("service", "update", "--env-add", "A=b", "cli")
    assert "converged" in docker("service", "scale", "cli=2")
    assert docker("service", "ls", "--format", "{{.Name}} {{.Replicas}} {{.Image}}") == "cli 2/2 box:1"
    docker("service", "rollback", "cli")
    assert docker("service", "rm", "cli") == "cli"
