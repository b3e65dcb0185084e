"""What several faults do to a stage, whatever else happens to it at that time."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from functools import partial

from harness.world import wait_until
from tests.cases.faults.stage import START_S, Stage

SEEN_S = 60.0


def send(number: signal.Signals, *pids: int) -> None:
    """Send a signal to processes; some may have ended by themselves."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def hold_up(seconds: float, *pids: int) -> None:
    """Stop processes, and let them go on later."""
    send(signal.SIGSTOP, *pids)
    try:
        time.sleep(seconds)
    finally:
        send(signal.SIGCONT, *pids)


def see(stage: Stage, words: str, container: str) -> None:
    """Wait until the status says so, or the container's task does not run any more."""
    wait_until(
        lambda: words in stage.world.skerry("status", check=False) or container not in stage.containers(),
        f"the status says {words!r}",
        SEEN_S,
    )


def insist(stage: Stage, *words: str) -> None:
    """A command of the docker CLI, again until it succeeds."""

    def succeeds() -> bool:
        with contextlib.suppress(AssertionError):
            stage.world.docker(*words)
            return True
        return False

    wait_until(succeeds, f"docker {' '.join(words)} succeeds", START_S)


def bring(stage: Stage, *images: str) -> None:
    """Load images, again until they are there."""

    def loads(image: str) -> bool:
        with contextlib.suppress(AssertionError):
            stage.world.load(image)
            return True
        return False

    for image in images:
        wait_until(partial(loads, image), f"{image} is loaded", START_S)


def remove(stage: Stage, kind: str, name: str) -> None:
    """Remove an object, if there is one, again until it is gone."""

    def is_gone() -> bool:
        stage.world.docker(kind, "rm", name, check=False)
        with contextlib.suppress(AssertionError):
            return name not in stage.world.docker(kind, "ls", "--format={{.Name}}").split()
        return False

    wait_until(is_gone, f"{kind} {name} is gone", START_S)
