"""Accidents with the state's files under a whole skerry: refused with the way out, or written back."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


def configs(world: World) -> set[str]:
    return set(world.docker("config", "ls", "--format", "{{.Name}}").split())


def put_config(world: World, name: str) -> None:
    world.docker("config", "create", name, "/etc/hostname")


def containers(world: World) -> list[str]:
    """The IDs of its tasks' containers, from the engine itself."""
    socket = f"unix://{world.run_dir}/engine.sock"
    return sorted(world.run("docker", "-H", socket, "ps", "-q", "--no-trunc").split())


@pytest.mark.case("B7")
def test_a_database_that_is_removed_while_it_runs_is_written_back(world: World) -> None:
    with contextlib.suppress(AssertionError):
        world.docker("service", "create", "--detach", "--name", "steady", "box:1")
    wait_until(lambda: containers(world), "it runs", 60)
    for number, names in enumerate((("skerry.db",), ("skerry.db", "skerry.db-wal", "skerry.db-shm"))):
        for name in names:
            (world.data_dir / name).unlink()
        put_config(world, f"after{number}")
        status = world.skerry("status", check=False)
        assert (
            f"{world.data_dir}/skerry.db was removed while skerry ran; the state was written back." in status
        )
    world.kill_skerryd()
    world.up()
    assert configs(world) == {"after0", "after1"}
    assert "warning" not in world.skerry("status", check=False)


@pytest.mark.slow
@pytest.mark.case("B7")
def test_it_is_written_back_when_nobody_writes_anything(world: World) -> None:
    database = world.data_dir / "skerry.db"
    database.write_bytes(b"")
    wait_until(lambda: database.stat().st_size, "it is written back", 60)
    assert "skerry.db was emptied while skerry ran" in world.skerry("status", check=False)
    before = configs(world)
    world.kill_skerryd()
    world.up()
    assert configs(world) == before


@pytest.mark.slow
@pytest.mark.case("B6")
@pytest.mark.parametrize("deed", ["emptied", "removed"])
def test_a_lost_database_is_no_new_swarm(world: World, deed: str) -> None:
    before = containers(world)
    world.kill_skerryd()
    files = {name: (world.data_dir / name).read_bytes() for name in ("skerry.db", "skerry.db-wal")}
    (world.data_dir / "skerry.db-shm").unlink()
    for name in files:
        (world.data_dir / name).unlink()
    if deed == "emptied":
        (world.data_dir / "skerry.db").write_bytes(b"")
    said = world.skerry("up", "--detach", check=False)
    assert f"the state in {world.data_dir}/skerry.db is " in said
    assert "restore the database from a backup" in said
    assert f"{world.data_dir}/secret.key" in said
    assert containers(world) == before
    for name, data in files.items():
        _write(world.data_dir / name, data)
    world.up()
    assert "swarm   active" in world.skerry("status", check=False)
    assert containers(world) == before


@pytest.mark.slow
@pytest.mark.case("B9")
def test_a_lost_key_is_said_to_be_missing_and_not_made(world: World) -> None:
    before = containers(world)
    key = world.data_dir / "secret.key"
    kept = key.read_bytes()
    world.kill_skerryd()
    key.unlink()
    said = world.skerry("up", "--detach", check=False)
    assert f"{key} is missing" in said
    assert not key.exists()
    assert containers(world) == before
    _write(key, kept)
    world.up()
    assert "swarm   active" in world.skerry("status", check=False)


@pytest.mark.case("B8")
@pytest.mark.case("B6")
def test_to_begin_anew_takes_what_the_error_says(world: World) -> None:
    """Last in this module: the swarm is another one afterwards. What the lost one left is shown, and goes
    where a service takes its place."""
    world.docker("service", "create", "--detach", "--name", "other", "box:1")
    wait_until(lambda: len(containers(world)) == 2, "both run", 60)
    world.kill_skerryd()
    for path in world.data_dir.glob("skerry.db*"):
        path.unlink()
    assert (
        world.skerry("up", "--detach", check=False).strip().endswith(f"remove {world.data_dir}/secret.key.")
    )
    (world.data_dir / "secret.key").unlink()
    world.up()
    assert "swarm   inactive" in world.skerry("status", check=False)
    wait_until(
        lambda: "warning former swarm: no service knows other.1." in world.skerry("status", check=False),
        "shown",
        60,
    )
    assert len(containers(world)) == 2
    world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
    world.docker("service", "create", "--detach", "--name", "steady", "box:1")
    wait_until(lambda: "steady  1/1" in world.skerry("status", check=False), "the new one runs", 60)
    names = world.docker("ps", "--format", "{{.Names}}").split()
    assert sorted(name.partition(".")[0] for name in names) == ["other", "steady"]
    world.docker("rm", "--force", next(name for name in names if name.startswith("other")))
    wait_until(lambda: "warning" not in world.skerry("status", check=False), "nothing is left to say", 90)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)
