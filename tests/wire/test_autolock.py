"""`--autolock` with the docker CLI: skerryd dies and comes back locked, and the traffic goes on meanwhile."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(150)]

LOCKED = (
    "Swarm is encrypted and needs to be unlocked before it can be used. "
    'Please use "docker swarm unlock" to unlock it.'
)
WRONG = "swarm could not be unlocked: invalid key provided"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A swarm with autolock and a service that answers on port 8080 with its secret."""
    with World(images=["box"]) as world:
        said = world.docker("swarm", "init", "--autolock", "--advertise-addr", "10.99.0.2")
        assert "command and provide the following key:" in said
        assert key_of(world) in said
        world.docker("network", "create", "--driver", "overlay", "--attachable", "other")
        world.run("bash", "-c", "printf hush | docker secret create word -")
        world.docker(
            *("service", "create", "--name", "web", "--secret", "word", "--publish", "8080:80"),
            *("--stop-grace-period", "0s", "--network", "other"),
            *("box:1", "httpd", "-f", "-h", "/run/secrets"),
        )
        yield world


def key_of(world: World) -> str:
    return world.docker("swarm", "unlock-key", "--quiet")


def restart(world: World) -> None:
    world.kill_skerryd()
    world.up()


def unlock(world: World, key: str) -> str:
    return world.run("bash", "-c", f"echo {key} | docker swarm unlock 2>&1", check=False)


def answered(world: World) -> str:
    return world.run("curl", "-s", "--max-time", "10", "http://10.99.0.2:8080/word", outside=True)


def resolved(world: World) -> str:
    """What `web` means inside its own container."""
    ask = "import dns.resolver as d; r = d.Resolver(configure=False); r.nameservers = ['127.0.0.11']; "
    ask += "print(r.resolve('web')[0])"
    return world.as_container(world.docker("ps", "--quiet"), sys.executable, "-c", ask)


def refused(world: World, *words: str) -> str:
    return world.run("bash", "-c", f"! docker {' '.join(words)} 2>&1")


def test_locked_until_somebody_brings_the_key(world: World) -> None:
    key = key_of(world)
    assert re.fullmatch(r"SWMKEY-1-[A-Za-z0-9+/]{43}", key)
    assert world.docker("swarm", "unlock-key").endswith("will not be able to restart the manager.")
    before, address = world.docker("ps", "--quiet"), resolved(world)
    restart(world)
    state = "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{.Swarm.NodeAddr}} {{.Swarm.Error}}"
    assert world.docker("info", "--format", state) == f"locked false 10.99.0.2 {LOCKED}"
    assert "swarm   locked; unlock it with: docker swarm unlock" in world.skerry("status", check=False)
    for words in (
        ("service", "ls"),
        ("service", "update", "--env-add", "A=B", "web"),
        ("node", "ls"),
        ("stack", "ls"),
        ("secret", "ls"),
        ("config", "ls"),
        ("swarm", "ca"),
        ("swarm", "unlock-key"),
        ("swarm", "join-token", "worker"),
        ("network", "rm", "other"),
    ):
        assert LOCKED in refused(world, *words), words
    assert "Please unlock it first or use `--force`" in refused(world, "swarm", "leave")
    assert LOCKED in refused(world, "run", "--rm", "--network", "other", "box:1", "true")
    assert "already part of a swarm" in refused(world, "swarm", "init")
    assert answered(world) == "hush"
    assert resolved(world) == address
    assert world.docker("ps", "--quiet") == before
    assert "invalid key string" in unlock(world, "x")
    assert WRONG in unlock(world, "SWMKEY-1-" + "A" * 43)
    assert LOCKED in refused(world, "service", "ls")
    assert unlock(world, key) == ""
    assert "1/1" in world.docker("service", "ls")
    assert world.docker("ps", "--quiet") == before
    assert key_of(world) == key
    world.docker("service", "update", "--env-add", "A=B", "web")
    assert answered(world) == "hush"
    assert "swarm is not locked" in unlock(world, key)


def test_a_rotated_key_is_the_only_one(world: World) -> None:
    former = key_of(world)
    assert "Successfully rotated manager unlock key." in world.docker("swarm", "unlock-key", "--rotate")
    key = key_of(world)
    assert key != former
    restart(world)
    assert WRONG in unlock(world, former)
    assert unlock(world, key) == ""
    assert answered(world) == "hush"


def test_after_a_reboot_the_tasks_wait_for_the_key(world: World) -> None:
    key = key_of(world)
    restart(world)
    assert "skerry is down" in world.down()
    world.reboot()
    world.up()
    assert LOCKED in refused(world, "service", "ls")
    assert world.docker("ps", "--quiet") == ""
    assert unlock(world, key) == ""
    wait_until(lambda: "1/1" in world.docker("service", "ls"), "the service runs")
    assert answered(world) == "hush"


def test_without_autolock_no_key_is_asked_for(world: World) -> None:
    world.docker("swarm", "update", "--autolock=false")
    assert (world.data_dir / "secret.key").exists()
    assert "no unlock key is set" in refused(world, "swarm", "unlock-key")
    restart(world)
    assert "1/1" in world.docker("service", "ls")
    assert "command and provide the following key:" in world.docker("swarm", "update", "--autolock=true")
    assert not (world.data_dir / "secret.key").exists()


def test_a_swarm_whose_key_is_lost_can_be_left(world: World) -> None:
    restart(world)
    assert world.docker("swarm", "leave", "--force") == "Node left the swarm."
    wait_until(lambda: world.docker("ps", "--quiet", "--all") == "", "the containers are removed")
    assert "inactive" in world.docker("info", "--format", "{{.Swarm.LocalNodeState}}")
    world.docker("swarm", "init", "--advertise-addr", "10.99.0.2")
    restart(world)
    assert world.docker("service", "ls", "--quiet") == ""
