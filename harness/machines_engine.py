"""A dockerd of a world's machine that skerry did not start. What it has of its run, a reboot takes."""

from __future__ import annotations

import subprocess

from harness.world import World, wait_until

START_S = 120


class MachinesEngine:
    """A dockerd of the world's machine that skerry did not start."""

    def __init__(self, world: World) -> None:
        self.socket = world.run_dir / "d.sock"
        self._world = world
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, data: str = "engine") -> None:
        """Start it, with its data in a folder of that name; a former one has ended."""
        if self._process is not None:
            self._process.wait(60)
        root, run_dir = self._world.root, self._world.run_dir
        run_dir.mkdir(exist_ok=True)
        words = ["dockerd", "--host", f"unix://{self.socket}", "--live-restore"]
        words += ["--data-root", str(root / data), "--exec-root", str(run_dir / "x")]
        words += ["--pidfile", str(run_dir / "d.pid")]
        with (root / "d.log").open("ab") as log:
            self._process = subprocess.Popen(self._world.net.within(words), stdout=log, stderr=log)
        ping = ("curl", "-sf", "--unix-socket", str(self.socket), "http://d/_ping")
        wait_until(lambda: self._world.run(*ping, check=False) == "OK", "dockerd answers", START_S)

    def stop(self) -> None:
        """Stop it; its containers go on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def __enter__(self) -> MachinesEngine:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
