"""A test whose docker command hangs tells what the engine was at."""

from __future__ import annotations

import os
import signal

import pytest

from harness.world import World

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


def test_a_command_that_hangs_tells_what_the_engine_is_at() -> None:
    with World(images=["box"]) as world:
        world.docker("run", "--detach", "--name", "long", "box:1")
        containerd = int((world.run_dir / "engine" / "containerd" / "containerd.pid").read_text())
        os.kill(containerd, signal.SIGSTOP)
        try:
            with pytest.raises(AssertionError) as caught:
                world.docker("kill", "long", timeout=1)
        finally:
            os.kill(containerd, signal.SIGCONT)
        said = str(caught.value)
        assert "docker kill long hangs. The engine:\n" in said
        assert "daemon.(*Daemon).ContainerKill" in said
