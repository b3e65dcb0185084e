"""A whole skerry: backups under load and what they restore; refusals; a skerryd that is killed meanwhile."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pyrage
import pytest

from harness.world import World, wait_until
from tests.backup.story import play

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

WRITE = "i=0; while true; do i=$((i+1)); echo $i >>/d/log; done"
QUICK = ("--detach", "--restart-delay", "0s", "--stop-signal", "SIGKILL")


def test_a_backup_under_load_fails_no_request_and_restores_the_same() -> None:
    result = play(1)
    assert result.good, (result.line, result.load, result.differing)


@pytest.fixture(scope="module")
def writing(world: World) -> World:
    """A world in which a service writes to a volume all the time."""
    mount = ("--mount", "type=volume,source=data,target=/d")
    world.docker("service", "create", "--name", "writer", *QUICK, *mount, "box:1", "sh", "-c", WRITE)
    wait_until(lambda: world.docker("service", "ls", "--format", "{{.Replicas}}") == "1/1", "it runs")
    return world


def engine(world: World, *words: str) -> str:
    """The docker CLI at the private engine's own socket."""
    return world.run("docker", "-H", f"unix://{world.run_dir}/engine.sock", *words).strip()


def container(world: World) -> str:
    return engine(world, "ps", "--quiet", "--no-trunc")


def paused(world: World) -> bool:
    return engine(world, "inspect", "--format", "{{.State.Paused}}", container(world)) == "true"


def test_without_a_word_about_the_key_there_is_no_backup(writing: World, tmp_path: Path) -> None:
    code, said = writing.attempt("backup", str(tmp_path / "file"))
    assert code == 1
    assert "--recipient" in said
    assert "--without-key" in said
    assert not list(tmp_path.iterdir())


def test_no_secret_and_no_key_is_in_one_without_a_key(writing: World, tmp_path: Path) -> None:
    (tmp_path / "content").write_text("only its tasks shall read this")
    writing.docker("secret", "create", "hushed", str(tmp_path / "content"))
    file, key = tmp_path / "file", writing.data_dir / "secret.key"
    assert writing.attempt("backup", str(file), "--without-key")[0] == 0
    data = file.read_bytes()
    assert b"only its tasks" not in data
    assert key.read_bytes() not in data
    assert b"hushed" in data
    code, said = writing.attempt("backup", str(file), "--verify")
    assert code == 0
    assert "without the key of its secrets" in said
    with World(up=False) as other:
        code, said = other.attempt("restore", str(file))
        assert code == 1
        assert "(--key FILE)" in said
        assert not list(other.data_dir.glob("*"))
        code, said = other.attempt("restore", str(file), "--key", str(key))
        assert code == 0, said
        assert (other.data_dir / "secret.key").read_bytes() == key.read_bytes()


def test_what_can_not_be_restored_is_refused_with_the_way_out(writing: World, tmp_path: Path) -> None:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{identity}\n")
    opening = ("--identity", str(tmp_path / "identity"))
    file, recipient = tmp_path / "file", str(identity.to_public())
    assert writing.attempt("backup", str(file), "--volumes", "--recipient", recipient)[0] == 0
    assert writing.attempt("backup", str(file), "--verify", *opening)[0] == 0

    code, said = writing.attempt("restore", str(file), *opening)
    assert code == 1
    assert "skerry is running" in said
    code, said = writing.attempt("restore", str(file), "shop", *opening)
    assert code == 1
    assert "there is no stack shop in this backup" in said
    with World(up=False) as other:
        (tmp_path / "torn").write_bytes(file.read_bytes()[:-4000])
        for name, words in (("torn", "torn"), ("identity", "is no backup of skerry")):
            code, said = other.attempt("restore", str(tmp_path / name), *opening)
            assert code == 1
            assert words in said
            assert not list(other.data_dir.glob("*"))
        (other.data_dir / "skerry.db").write_text("somebody's")
        code, said = other.attempt("restore", str(file), *opening)
        assert code == 1
        assert f"{other.data_dir} is not empty" in said
        assert (other.data_dir / "skerry.db").read_text() == "somebody's"


def test_writers_stand_still_no_longer_than_they_may(writing: World, tmp_path: Path) -> None:
    words = ("--volumes", "--quiesce", "--unencrypted", "--freeze", "0")
    code, said = writing.attempt("backup", str(tmp_path / "file"), *words)
    assert code == 1
    assert "--freeze" in said
    assert not list(tmp_path.iterdir())
    assert not paused(writing)
    assert not (writing.data_dir / "backup").exists()


def test_a_skerryd_that_is_killed_leaves_nobody_standing(writing: World) -> None:
    """As it would be at that moment: the note is written, the containers stand, and nobody is there."""
    note = writing.run_dir / "skerryd.frozen"
    writing.kill_skerryd()
    note.write_text(json.dumps([container(writing)]))
    engine(writing, "pause", container(writing))
    (writing.data_dir / "backup" / "volumes").mkdir(parents=True)
    writing.up()
    wait_until(lambda: not paused(writing), "it goes on")
    wait_until(lambda: not note.exists(), "nothing is left to be done")
    assert not (writing.data_dir / "backup").exists()


def test_who_was_paused_by_somebody_stays_so(writing: World, tmp_path: Path) -> None:
    engine(writing, "pause", container(writing))
    try:
        words = ("--volumes", "--quiesce", "--unencrypted")
        code, said = writing.attempt("backup", str(tmp_path / "file"), *words)
        assert code == 0, said
        assert paused(writing)
    finally:
        engine(writing, "unpause", container(writing))


def test_it_goes_through_a_pipe(writing: World) -> None:
    line = writing.net.within(["sh", "-c", '"$@" | tar --list', "sh"])
    line += writing.command("backup", "-", "--without-key")
    done = subprocess.run(line, env=writing.env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["manifest.json", "state/skerry.db"]
