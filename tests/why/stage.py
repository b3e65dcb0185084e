"""A world in which services fail, and `skerry why` is asked for the reason."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness.stage
from demo.settings import CHECKOUT
from harness.world import wait_until
from tests.why.images import ODD, odd_tar

QUICK = ("--restart-delay", "1s", "--update-monitor", "1s", "--stop-grace-period", "1s")
REGISTRY = "127.0.0.1:5050"


class Stage(harness.stage.Stage):
    """One world; what a way leaves is removed by `clear`."""

    def make(self) -> None:
        """An engine whose program can be taken away, and images that run and don't."""
        world = self.world
        self._undo: list[Callable[[], object]] = []
        self.engine_program = world.root / "b" / "dockerd"
        self.engine_program.parent.mkdir()
        self.engine_program.write_text(
            f'#!/bin/sh\nexec {shutil.which("dockerd", path=world.env["PATH"])} "$@"\n'
        )
        self.engine_program.chmod(0o755)
        world.env["PATH"] = f"{self.engine_program.parent}{os.pathsep}{world.env['PATH']}"
        world.up()
        world.load("box")
        world.docker(
            "import", "--change", 'ENV PATH="/bin"', str(odd_tar(world.root, platform.machine())), ODD
        )
        world.docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")

    def create(self, name: str, *words: str, command: tuple[str, ...] = (), image: str = "box:1") -> None:
        """A service that nobody waits for."""
        options = words if "replicated-job" in words else (*QUICK, *words)
        self.world.docker("service", "create", "--detach", "--name", name, *options, image, *command)

    def later(self, undo: Callable[[], object]) -> None:
        """Done when the way is over."""
        self._undo.append(undo)

    def run(self, *words: str) -> None:
        """A program of this machine, beside the swarm, until the way is over."""
        line = self.world.net.within(list(words))
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=CHECKOUT)

        def end() -> None:
            process.terminate()
            process.wait(30)

        self.later(end)

    def python(self, *words: str) -> None:
        """A Python program of ours, the same way."""
        self.run(sys.executable, *words)

    def await_answer(self, url: str) -> None:
        """Wait until somebody answers there, whatever it is."""
        words = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url)
        wait_until(lambda: self.world.run(*words, check=False) != "000", f"{url} answers")

    def tasks(self, service: str) -> list[dict[str, Any]]:
        """The tasks of a service, oldest first."""
        tasks: list[dict[str, Any]] = self.world.api().tasks(service)
        return sorted(tasks, key=lambda task: str(task["CreatedAt"]))

    def running(self, service: str, count: int = 1) -> list[dict[str, Any]]:
        """Those that run, once there are so many."""

        def there() -> list[dict[str, Any]]:
            return [task for task in self.tasks(service) if task["Status"]["State"] == "running"]

        wait_until(lambda: len(there()) >= count, f"{service} runs", 60)
        return there()

    def pid(self, service: str) -> int:
        """The first process of its first task that runs."""
        container = self.running(service)[0]["Status"]["ContainerStatus"]["ContainerID"]
        return int(self.world.inspect("container", container)["State"]["Pid"])

    def first_sentence(self, name: str) -> str:
        """What `skerry why` says first of something; empty where it says nothing."""
        code, said = self.world.attempt("why", name, "--json")
        if code:
            return f"exit {code}: {said}"
        causes = json.loads(said)["causes"]
        return f"{causes[0]['of']}: {causes[0]['sentence']}" if causes else ""

    def clear(self) -> None:
        """Remove what a way has made."""
        while self._undo:
            self._undo.pop()()
        docker = self.world.docker
        wait_until(self._answers, "the engine answers", 60)
        services = docker("service", "ls", "--quiet").split()
        if services:
            docker("service", "rm", *services)
        wait_until(lambda: not docker("ps", "--all", "--quiet"), "all containers are gone", 60)

    def _answers(self) -> bool:
        with contextlib.suppress(AssertionError):
            self.world.docker("ps", timeout=10)
            return True
        return False


def settled(ask: Callable[[], str], good: Callable[[str], bool], within_s: float = 40.0) -> str:
    """Ask until the answer is good, and give back the last one."""
    deadline = time.monotonic() + within_s
    said = ask()
    while not good(said) and time.monotonic() < deadline:
        time.sleep(0.2)
        said = ask()
    return said


def file_with(place: Path, text: str) -> str:
    """A file's path, with this in it."""
    place.write_text(text)
    return str(place)
