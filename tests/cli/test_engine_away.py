"""An engine that is stopped, replaced, or can't start for a while, under a whole skerry."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from harness.away import held
from harness.genuine import import_box
from harness.machines_engine import MachinesEngine
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

INIT = ("swarm", "init", "--advertise-addr", "127.0.0.1")
SERVICE = ("service", "create", "--name", "idle", "--detach", "--stop-signal", "SIGKILL", "box:1")
RESTART_S = 120


@pytest.mark.case("B3")
def test_a_swarm_waits_for_its_engine_and_takes_no_other() -> None:
    with World(up=False) as world, MachinesEngine(world) as engine:
        engine.start()
        import_box(engine.socket)
        world.engine = f"unix://{engine.socket}"
        world.up()
        world.docker(*INIT)
        world.docker(*SERVICE)
        wait_until(lambda: "1/1" in world.docker("service", "ls"), "the task runs")
        container = world.docker("ps", "--quiet")

        engine.stop()
        world.kill_skerryd()
        for choice in ("", f"unix://{engine.socket}"):
            world.engine = choice
            world.up()
            assert_waiting(world, engine.socket)
            world.kill_skerryd()
        world.engine = "private"
        code, said = world.attempt("up", "--detach")
        assert code == 1
        assert "add --adopt-engine" in said
        world.engine = ""
        world.up()

        engine.start()
        wait_until(lambda: world.attempt("status")[0] == 0, "all is as it should be", RESTART_S)
        assert world.docker("ps", "--quiet") == container
        world.kill_skerryd()
        world.up()
        assert world.docker("ps", "--quiet") == container
        assert not (world.data_dir / "engine").exists()

        another_takes_its_place(world, engine)


def assert_waiting(world: World, socket: Path) -> None:
    code, said = world.attempt("status")
    assert code == 1
    assert f"waiting for the engine at {socket}" in said
    assert "idle" in world.docker("service", "ls")
    assert "idle.1" in world.docker("service", "ps", "idle")
    assert f"waiting for the engine at {socket}" in world.docker("ps", check=False)
    assert world.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *api(world, "info")) == "503"


def api(world: World, path: str) -> list[str]:
    return ["--unix-socket", str(world.socket), f"http://d/{path}"]


def another_takes_its_place(world: World, engine: MachinesEngine) -> None:
    """A dockerd with other data at the same socket: asked for nothing, running or at the start."""
    engine.stop()
    engine.start("empty")
    wait_until(lambda: "is not the one" in world.attempt("status")[1], "the other engine is noticed", 60)
    listed = ["docker", "-H", f"unix://{engine.socket}", "network", "ls", "--filter", "label=skerry.network"]
    assert world.run(*listed, "--quiet") == ""
    world.kill_skerryd()
    code, said = world.attempt("up", "--detach")
    assert code == 1
    assert "go on with this one: skerry up --adopt-engine" in said
    code, said = world.attempt("up", "--detach", "--adopt-engine")
    assert code == 0, said
    wait_until(lambda: world.run(*listed, "--quiet"), "the swarm's networks are there", RESTART_S)


@pytest.mark.case("C4")
@pytest.mark.slow
@pytest.mark.parametrize("skerryd", ["runs", "is started meanwhile"])
def test_a_private_engine_that_cannot_start_for_a_minute_comes_back(skerryd: str) -> None:
    with World(images=["box"]) as world:
        world.docker(*INIT)
        world.docker(*SERVICE)
        wait_until(lambda: "1/1" in world.docker("service", "ls"), "the task runs")
        container = world.docker("ps", "--quiet")
        with held(world):
            if skerryd == "is started meanwhile":
                world.kill_skerryd()
                world.up()
            daemon = world.pid
            says = "the private dockerd does not start: failed to start daemon"
            wait_until(lambda: says in world.attempt("status")[1], "status says why", RESTART_S)
            timer = threading.Event()
            timer.wait(60)
            code, said = world.attempt("status")
            assert code == 1
            assert says in said
        wait_until(lambda: world.attempt("status")[0] == 0, "all is as it should be", RESTART_S)
        assert world.docker("ps", "--quiet") == container
        assert world.pid == daemon


DAEMON_JSON = """{
  "live-restore": true, "data-root": "/nowhere", "hosts": ["tcp://127.0.0.1:1"], "pidfile": "/nowhere/pid",
  "registry-mirrors": ["http://10.99.0.1:5000"], "log-driver": "local", "log-opts": {"max-size": "1m"},
  "default-address-pools": [{"base": "172.30.0.0/16", "size": 24}]
}"""


@pytest.mark.case("B4")
@pytest.mark.slow
def test_a_private_engine_takes_from_daemon_json_what_any_engine_can_use() -> None:
    with World(up=False) as world:
        etc = world.root / "etc"
        etc.mkdir()
        (etc / "daemon.json").write_text(DAEMON_JSON)
        # the mounts of its own make this machine's /etc/docker another one
        line = f'mkdir -p /etc/docker && mount --bind {etc} /etc/docker && exec "$@"'
        up = ["unshare", "--mount", "sh", "-c", line, "sh", *world.command("up", "--detach")]
        world.run(*up, timeout=120)
        shown = ("info", "--format", "{{.LoggingDriver}} {{.DockerRootDir}} {{.RegistryConfig.Mirrors}}")
        root = world.data_dir / "engine"
        assert world.docker(*shown) == f"local {root} [http://10.99.0.1:5000/]"
        world.docker("network", "create", "n")
        (pool,) = world.inspect("network", "n")["IPAM"]["Config"]
        assert pool["Subnet"].startswith("172.30.")
