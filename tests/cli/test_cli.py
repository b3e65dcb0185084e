"""The skerry command: what it says and how it exits, without and with a daemon."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.world import World, wait_until
from skerry.cli import daemon_process, systemd
from skerry.cli.main import main
from skerry.model.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An instance that was never started."""
    return Settings(run_dir=str(tmp_path / "run"), data_dir=str(tmp_path / "data"), name="skerry-test")


@pytest.fixture
def held(settings: Settings) -> Iterator[Settings]:
    """An instance whose lock is held, as by a running daemon."""
    path = Path(settings.pid_file)
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        file.write(str(os.getpid()))
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield settings


QUICK = ("--stop-signal", "SIGKILL", "--restart-delay", "0s")


def run(settings: Settings, *words: str) -> tuple[int, str]:
    """Exit code and everything that was said."""
    result = CliRunner().invoke(main, [*words, *settings.arguments()])
    return result.exit_code, result.output


def test_status_of_nothing_says_how_to_start(settings: Settings) -> None:
    code, said = run(settings, "status")
    assert (code, said) == (3, "skerry is not running; start it with: skerry up --detach\n")


def test_up_says_who_runs_already(held: Settings) -> None:
    code, said = run(held, "up", "--detach")
    assert (code, said) == (
        1,
        f"Error: skerry is already running (process {os.getpid()}, {held.api_socket})\n",
    )


def test_docker_host_names_the_engine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///some/engine.sock")
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda path, argv: started.append(argv))
    monkeypatch.setattr("skerry.cli.main.create_context", lambda settings: None)
    assert run(settings, "up")[0] == 0
    assert started[0][-2:] == ["--engine", "unix:///some/engine.sock"]


def test_a_stale_pid_file_is_nobody(settings: Settings) -> None:
    Path(settings.run_dir).mkdir(parents=True)
    Path(settings.pid_file).write_text("1")
    assert daemon_process.running_pid(settings) is None


@pytest.mark.case("B14")
def test_status_knows_a_daemon_that_is_starting(held: Settings) -> None:
    code, said = run(held, "status")
    assert (code, said) == (1, f"skerry is starting (process {os.getpid()}), no answer yet\n")
    code, said = run(held, "status", "--json")
    assert (code, json.loads(said)) == (1, {"state": "starting", "pid": os.getpid()})


@pytest.mark.case("B14")
def test_status_knows_why_a_daemon_failed(settings: Settings) -> None:
    Path(settings.run_dir).mkdir(parents=True)
    Path(settings.failure_file).write_text("the engine is rootless")
    code, said = run(settings, "status")
    assert (code, said) == (3, "skerry is not running; it failed: the engine is rootless\n")
    code, said = run(settings, "status", "--json")
    assert (code, json.loads(said)) == (3, {"state": "failed", "why": "the engine is rootless"})


def test_status_of_nothing_as_json(settings: Settings) -> None:
    code, said = run(settings, "status", "--json")
    assert (code, json.loads(said)) == (3, {"state": "down"})


@pytest.mark.case("B5")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("words", [["--purge"], ["--purge", "--volumes"]])
def test_a_purge_that_nobody_can_be_asked_about_is_refused(settings: Settings, words: list[str]) -> None:
    code, said = run(settings, "down", *words)
    assert code == 1
    assert said.endswith("Error: nothing was removed, as nobody can be asked here: add --yes\n")


def test_volumes_without_a_purge_means_nothing(settings: Settings) -> None:
    code, said = run(settings, "down", "--volumes")
    assert code == 2
    assert "--volumes goes with --purge only" in said


@pytest.mark.parametrize("words", [["export", "shop"], ["migrate", "--to", "node1"]])
def test_export_and_migrate_of_nothing_say_how_to_start(settings: Settings, words: list[str]) -> None:
    code, said = run(settings, *words)
    assert (code, said) == (3, "skerry is not running; start it with: skerry up --detach\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--node", "node2"],
            "Invalid value for --node: node2: something like node2=ssh://root@node2 is meant",
        ),
        (["--timeout", "soon"], "Invalid value for --timeout: invalid duration 'soon'"),
    ],
)
def test_migrate_with_words_that_mean_nothing(settings: Settings, words: list[str], sentence: str) -> None:
    code, said = run(settings, "migrate", "--to", "node1", *words)
    assert code == 2
    assert sentence in said


def test_not_root(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    code, said = run(settings, "up")
    assert (code, said) == (1, "Error: skerry needs root: it makes network namespaces and kernel rules\n")


def test_the_unit_starts_this_instance_and_leaves_the_gate_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "UNIT_DIR", tmp_path)
    monkeypatch.setattr(systemd, "running", lambda: False)
    said = systemd.install(settings)
    unit = (tmp_path / "skerry-test.service").read_text()
    (line,) = [one for one in unit.splitlines() if one.startswith("ExecStart=")]
    assert shlex.split(line.removeprefix("ExecStart=")) == daemon_process.command(settings, "up")
    assert "KillMode=process" in unit
    assert "After=network-online.target docker.service" in unit
    assert "Before=" not in unit
    assert systemd_says(tmp_path / "skerry-test.service") == ""
    assert "neither enabled nor started" in said
    systemd.remove(settings)
    assert not (tmp_path / "skerry-test.service").exists()


def systemd_says(unit: Path) -> str:
    """What systemd's own reader finds wrong with a unit."""
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    return "\n".join(line for line in done.stderr.splitlines() if unit.name in line or str(unit) in line)


@pytest.mark.engine
@pytest.mark.timeout(120)
def test_up_status_down_and_up_again() -> None:
    with World(images=["box"]) as world:
        again = world.skerry("up", "--detach", check=False)
        assert f"already running (process {world.pid}" in again
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        world.docker("service", "create", "--name", "idle", "-d", *QUICK, "box:1", "sleep", "600")
        wait_until(lambda: "1/1" in world.docker("service", "ls"), "the task runs")
        shown = world.skerry("status")
        assert "swarm   active" in shown
        assert "service idle  1/1" in shown
        assert world.down() == "skerry is down\n"
        assert world.skerry("status", check=False).startswith("skerry is not running")
        world.up()
        wait_until(lambda: "1/1" in world.docker("service", "ls"), "the task runs")
        assert "nothing of it is left" in world.down(purge=True)
        assert not list(world.root.glob("[rd]"))
        rules = world.run("iptables", "-S") + world.run("iptables", "-t", "nat", "-S")
        assert "-P FORWARD ACCEPT" in rules
        assert "DOCKER" not in rules
        assert "docker0" not in world.run("ip", "-brief", "link") + rules
