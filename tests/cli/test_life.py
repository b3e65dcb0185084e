"""Starts that can't succeed, purges and what the exit codes say, each with a whole skerry."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
from pathlib import Path

import pytest

from harness.genuine import genuine
from harness.net import run
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

QUICK = ("--detach", "--restart-delay", "0s", "--stop-signal", "SIGKILL")
INIT = ("swarm", "init", "--advertise-addr", "127.0.0.1")


@pytest.mark.case("B5")
def test_a_purge_asks_and_leaves_volumes_unless_it_is_told() -> None:
    with World(images=["box"]) as world:
        world.docker(*INIT)
        world.docker("secret", "create", "token", str(world.run_dir / "engine.pid"))
        world.docker("service", "create", "--name", "idle", *QUICK, "box:1", "sleep", "600")
        world.docker("volume", "create", "orders")
        world.docker("run", "--rm", "--volume", "orders:/o", "box:1", "sh", "-c", "echo 17 >/o/last")

        code, said = world.attempt("down", "--purge")
        assert code == 1
        for line in ("services  idle", "secrets   token", "images    box:1", "not the volumes orders"):
            assert line in said
        assert "nothing was removed" in said
        code, said = on_a_terminal(world, "n\n", "down", "--purge", "--volumes")
        assert code == 1
        assert "volumes   orders" in said
        assert world.docker("service", "ls", "--quiet")

        code, said = on_a_terminal(world, "y\n", "down", "--purge")
        assert code == 0
        assert f"still in {world.data_dir}/engine/volumes" in said
        assert [path.name for path in (world.data_dir / "engine").iterdir()] == ["volumes"]

        world.up()
        world.load("box")
        assert world.docker("service", "ls", check=False).startswith("Error")
        shown = world.docker("run", "--rm", "--volume", "orders:/o", "box:1", "cat", "/o/last")
        assert shown == "17"
        code, said = world.attempt("down", "--purge", "--yes", "--volumes")
        assert (code, said) == (0, "skerry is down, and nothing of it is left\n")
        assert not world.data_dir.exists()


def on_a_terminal(world: World, keys: str, *words: str) -> tuple[int, str]:
    """A skerry command with a terminal to ask on, where `keys` are pressed."""
    ours, theirs = pty.openpty()
    line = world.net.within(world.command(*words))
    process = subprocess.Popen(
        line, env=world.env, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    os.close(theirs)
    os.write(ours, keys.encode())
    said, _ = process.communicate(timeout=120)
    os.close(ours)
    return process.returncode, said.decode()


@pytest.mark.case("B15")
@pytest.mark.case("B16")
def test_an_engine_that_will_not_do_is_refused_at_the_start() -> None:
    with genuine() as engine, World(up=False) as world:
        world.engine = f"unix://{engine}"
        for words in ("swarm init --advertise-addr 10.99.0.2", "swarm leave --force"):
            run("docker", "-H", world.engine, *words.split())
            code, said = world.attempt("up", "--detach")
            sentence = "is in swarm mode itself" if "init" in words else "is in another network namespace"
            assert code == 1
            assert sentence in said
            code, shown = world.attempt("status")
            assert code == 3
            assert f"it failed: the engine at {engine} {sentence}" in shown


@pytest.mark.case("B14")
def test_whoever_starts_the_daemon_hears_when_it_is_ready() -> None:
    with World(up=False) as world, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(world.root / "notify"))
        ear.settimeout(60)
        env = {**world.env, "NOTIFY_SOCKET": str(world.root / "notify"), "WATCHDOG_USEC": "300000"}
        daemon = subprocess.Popen(world.net.within(world.command("up")), env=env, stderr=subprocess.DEVNULL)
        try:
            heard = ear.recv(4096).decode()
            assert heard.startswith("READY=1\n")
            assert str(world.socket) in heard
            assert world.attempt("status")[0] == 0
            engine = int((world.run_dir / "engine.pid").read_text())
            environment = Path(f"/proc/{engine}/environ").read_bytes()
            assert b"NOTIFY_SOCKET" not in environment
            assert b"WATCHDOG_USEC" not in environment
            assert [ear.recv(4096) for _ in range(5)] == [b"WATCHDOG=1"] * 5
        finally:
            daemon.terminate()
            daemon.wait(60)
        while (last := ear.recv(4096)) == b"WATCHDOG=1":
            pass
        assert last == b"STOPPING=1"


@pytest.mark.slow
@pytest.mark.case("B14")
def test_the_exit_code_tells_whether_all_is_as_it_should_be() -> None:
    with World(images=["box"]) as world:
        world.docker(*INIT)
        assert world.attempt("status")[0] == 0
        world.docker("service", "create", "--name", "fine", *QUICK, "box:1", "sleep", "600")
        wait_until(lambda: world.attempt("status")[0] == 0, "one of one runs")
        world.docker("service", "create", "--name", "none", *QUICK, "--constraint", "node.id==x", "box:1")
        code, said = world.attempt("status", "--json")
        status = json.loads(said)
        assert code == 1
        assert (status["state"], status["problems"]) == ("up", ["service none: 0 of 1 tasks run"])
        world.docker("service", "rm", "none")
        job = ("--mode", "replicated-job", "--replicas", "3", "--max-concurrent", "1")
        world.docker("service", "create", "--name", "job", "--detach", *job, "box:1", "true")
        wait_until(lambda: "(3/3 completed)" in world.docker("service", "ls"), "the job is done")
        assert world.attempt("status")[0] == 0
        world.docker("service", "update", "--detach", "--update-monitor", "30s", "--args", "false", "fine")
        wait_until(lambda: "update paused" in world.attempt("status", "--json")[1], "the update pauses", 60)
        assert world.attempt("status")[0] == 1
