"""Where the crashes are played: a world whose skerryd counts its points and is started again when it ends."""

from __future__ import annotations

import contextlib
import subprocess
import threading

import harness.stage
from harness.world import wait_until
from tests.crash.counter import Counter
from tests.crash.life import Client

START_S = 60.0


class Stage(harness.stage.Stage):
    """`crashes` are the points at which skerryd ended. The one that is started then ends at the `again`-th
    point of its own, if that is set."""

    def __init__(self) -> None:
        super().__init__()
        self.crashes: list[str] = []
        self.again = 0
        self._closing = False
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """A swarm without anything, whose skerryd is looked after."""
        self.world.run_dir.mkdir()
        self.counter = Counter(self.world.root / "counter")
        self.api = Client(str(self.world.socket))
        self._start()
        threading.Thread(target=self._start_again, name="unit", daemon=True).start()
        wait_until(self._answers, "skerryd answers", START_S)
        self.world.load("box")
        self.world.docker("swarm", "init", "--advertise-addr", "127.0.0.1")

    def _start(self) -> None:
        self._process = self.world.spawn("-m", "tests.crash.skerryd", str(self.world.root / "counter"))

    def _start_again(self) -> None:
        """As a unit with Restart=always does."""
        while self._process is not None:
            self._process.wait()
            if self._closing:
                return
            self.crashes.append(self.counter.last or "by itself")
            self.counter.set(self.again)
            self.again = 0
            self._start()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, AssertionError):
            return self.world.pid > 0 and "Server" in self.world.run("docker", "version", check=False)
        return False

    def close(self) -> None:
        """Everything goes."""
        self._closing = True
        with contextlib.suppress(AttributeError):
            self.api.close()
        super().close()
