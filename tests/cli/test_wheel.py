"""The package without a checkout: what `pipx install` of the wheel brings is a whole skerry."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from demo.settings import CHECKOUT
from harness.net import run
from harness.world import World, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """Where the skerry command is, of a wheel that was built from this checkout and installed."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    run(*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(CHECKOUT), timeout=300)
    wheel = next(tmp_path.glob("skerry-*.whl"))
    run(*pip, "install", "--target", str(tmp_path / "pipx"), "pipx", timeout=300)
    places = {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    env = {**os.environ, **places, "PYTHONPATH": str(tmp_path / "pipx")}
    run(sys.executable, "-m", "pipx", "install", str(wheel), env=env, cwd=tmp_path, timeout=300)
    return tmp_path / "bin"


@pytest.mark.case("G1")
def test_the_wheel_installed_by_pipx_runs_a_service(commands: Path) -> None:
    with World(up=False) as world:
        world.env["PATH"] = f"{commands}:{world.env['PATH']}"
        world.up()
        world.load("box")
        program = Path(f"/proc/{world.pid}/cmdline").read_bytes().split(b"\0")[0].decode()
        assert str(commands.parent / "home") in program, "the daemon runs in the environment of the wheel"
        world.docker("swarm", "init", "--advertise-addr", "10.99.0.2")
        world.docker("service", "create", "--detach", "--name", "web", "box:1")
        wait_until(lambda: "1/1" in world.docker("service", "ls"), "the service runs", 60)
        assert "skerry is down" in world.down(purge=True)
