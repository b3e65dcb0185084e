"""The demo beside a skerry in use: an instance of its own, which it takes down however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from demo.ground import claim, free_port
from demo.settings import CHECKOUT, Settings
from demo.shell import Shell, StepFailed
from harness.net import run
from harness.processes import processes_of
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]


HEEDING = ("env", "--default-signal=HUP,INT")
"""Before a command: it heeds SIGHUP and SIGINT, also where whoever runs the tests does not."""


class Demo:
    """`make demo` on the machine of a world, with another name than this machine's own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.name = f"{world.name}-demo"
        self.run_dir, self.data_dir = world.root / "dr", world.root / "dd"

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The process, with its output in a pipe."""
        where = ["--name", self.name, "--run-dir", str(self.run_dir), "--data-dir", str(self.data_dir)]
        line = self.world.net.within([*HEEDING, sys.executable, "-m", "demo", "--short", *where, *words])
        return subprocess.Popen(line, env=self.world.env, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)

    def left(self) -> list[str]:
        """What is there of it."""
        spaces = run("ip", "netns", "list").split()
        contexts = self.world.run("docker", "context", "ls", "--format", "{{.Name}}").split()
        names = {self.name, f"skerry-gate-{self.name}"}
        there = [str(path) for path in (self.run_dir, self.data_dir) if path.exists()]
        there += [str(pid) for path in (self.run_dir, self.data_dir) for pid in processes_of(path, [])]
        return [*there, *(name for name in (*spaces, *contexts) if name in names)]


@pytest.fixture(scope="module")
def shop(world: World) -> World:
    """A skerry in use: a service that answers at port 80."""
    serve = ["httpd", "-f", "-p", "8080", "-h", "/bin"]
    world.docker("service", "create", "--name", "shop", "--publish", "80:8080", "box:1", *serve)
    return world


def state(world: World) -> str:
    """All of a skerry that a demo could spoil: what it keeps, what runs, its rules, what its port answers."""
    said = world.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1/id")
    tasks = world.docker("service", "ps", "--no-trunc", "--format", "{{.ID}} {{.DesiredState}}", "shop")
    boxes = world.docker("ps", "--no-trunc", "--format", "{{.ID}}")
    tables = "\n".join(sorted(world.run("nft", "list", "tables").splitlines()))
    rules = world.run("iptables", "-S")
    contexts = world.docker("context", "ls", "--format", "{{.Name}}")
    return "\n".join(
        [said, tasks, boxes, tables, rules, contexts, world.docker("image", "ls", "-q"), str(world.pid)]
    )


@pytest.mark.case("B2")
@pytest.mark.parametrize(
    ("number", "line"),
    [
        (signal.SIGTERM, "$ skerry up"),
        (signal.SIGINT, "$ docker-compose build"),
        pytest.param(signal.SIGHUP, "$ docker stack deploy", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "$ docker service update", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, "$ docker stack rm", marks=pytest.mark.slow),
    ],
)
def test_a_demo_that_is_interrupted_takes_down_what_it_made(
    shop: World, number: signal.Signals, line: str
) -> None:
    before, demo = state(shop), Demo(shop)
    with demo.start() as process:
        assert process.stdout is not None
        assert any(text.startswith(line) for text in process.stdout)
        process.send_signal(number)
        said = process.stdout.read()
    assert process.returncode == 1
    assert "PROBLEM: interrupted" in said
    assert "left behind" not in said
    assert demo.left() == []
    assert state(shop) == before


@pytest.mark.case("B1")
@pytest.mark.slow
def test_a_demo_beside_a_skerry_in_use(shop: World) -> None:
    before, demo = state(shop), Demo(shop)
    with demo.start() as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    assert demo.left() == []
    assert state(shop) == before


@pytest.mark.case("B1")
def test_a_demo_refuses_an_instance_that_exists(shop: World) -> None:
    before = state(shop)
    where = ["--name", shop.name, "--run-dir", str(shop.run_dir), "--data-dir", str(shop.data_dir)]
    line = shop.net.within([sys.executable, "-m", "demo", *where])
    done = subprocess.run(line, env=shop.env, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"the demo's instance {shop.name} exists already: {shop.run_dir}" in done.stdout
    assert done.stderr == ""
    assert state(shop) == before


@pytest.mark.case("B1")
@pytest.mark.parametrize("thing", ["run", "data", "context"])
def test_any_part_of_an_instance_is_enough_to_refuse(
    thing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    settings = Settings(name="part-of-one", run_dir=tmp_path / "run", data_dir=tmp_path / "data")
    shell = Shell(tmp_path, os.environ)
    claim(settings, shell)
    if thing == "context":
        run("docker", "context", "create", settings.name, "--docker", f"host=unix://{settings.socket}")
    else:
        (tmp_path / thing).mkdir()
    with pytest.raises(StepFailed, match=r"exists already: .*(run|data|context)"):
        claim(settings, shell)


@pytest.mark.case("B2")
def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StepFailed, match=rf"port {port} is taken .*PORT=8088 make demo"):
            free_port(port)
    free_port(port)


@pytest.mark.case("B2")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_world_goes_however_its_run_ends(number: signal.Signals) -> None:
    """As in proof, handover, bench, outgrow and the tests themselves."""
    code = (
        "import time; from demo.ending import end_in_order; from harness.world import World\n"
        "end_in_order()\n"
        "with World() as world: print(world.root, world.net.inside, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [*HEEDING, sys.executable, "-c", code],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        root, space = process.stdout.readline().split()
        wait_until(lambda: processes_of(Path(root), [space]), "its engine runs")
        process.send_signal(number)
        process.wait(120)
    assert process.returncode != 0
    assert not Path(root).exists()
    assert space not in run("ip", "netns", "list").split()
    assert not processes_of(Path(root), [])
