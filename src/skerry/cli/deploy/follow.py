"""Watching a release, or a revision of a service, until it is over."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from typing import Protocol

from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.cli.deploy.progress import DeployProgress
from skerry.model.objects import Raw

TICK_S = 0.1
AWAY_S = 60.0
"""How long skerry may be away, as while it is upgraded, before nobody waits for it any more."""
AGAIN_S = 0.5


class TimedOut(Exception):
    """It is not over yet, and goes on."""


class ProgressView(Protocol):
    """Shows what comes in."""

    def show(self, line: Raw, progress: DeployProgress, now: float) -> None:
        """One more line came."""

    def tick(self, progress: DeployProgress, now: float) -> None:
        """Time went by."""

    def close(self) -> None:
        """No more comes."""


def follow(client: DockerClient, path: str, view: ProgressView, timeout: float) -> Raw:
    """The last line of what a path tells, of a release or a revision, once it is over.

    `client` is one without a timeout of its own.

    Raises TimedOut after `timeout` seconds, Refused, Unreachable.
    """
    progress = DeployProgress()
    shown: dict[str, Raw] = {}
    deadline = time.monotonic() + timeout
    try:
        with closing(_lines(client, path)) as lines:
            for line in lines:
                now = time.monotonic()
                if line is None:
                    view.tick(progress, now)
                elif line != shown.get(line.get("Service", "")):  # after a cut, all is told again
                    shown[line.get("Service", "")] = line
                    progress.apply(line, now)
                    view.show(line, progress, now)
                if progress.outcome is not None:
                    return progress.outcome
                if now >= deadline:
                    raise TimedOut
    finally:
        view.close()
    raise AssertionError("lines end with the last one, or in an error")


def _lines(client: DockerClient, path: str) -> Generator[Raw | None, None, None]:
    """Each line as it comes, and None each TICK_S seconds."""
    lines: queue.Queue[Raw | Exception] = queue.Queue()
    over = threading.Event()

    def read() -> None:
        try:
            _read(client, path, lines.put, over)
        except (Refused, Unreachable, ValueError) as error:
            lines.put(error)
        finally:
            client.close()

    threading.Thread(target=read, name="progress", daemon=True).start()
    try:
        while True:
            try:
                line = lines.get(timeout=TICK_S)
            except queue.Empty:
                yield None
                continue
            if isinstance(line, Exception):
                raise line
            yield line
    finally:
        over.set()


def _read(client: DockerClient, path: str, take: Callable[[Raw], None], over: threading.Event) -> None:
    """Hand on each line, to the last one; where the connection is cut, from a new one, unless nobody looks
    any more. Raises Unreachable, and Refused where the release is no longer kept."""
    last_heard = time.monotonic()
    while not over.is_set():
        with suppress(Unreachable):
            for line in map(json.loads, client.lines(path)):
                last_heard = time.monotonic()
                take(line)
                if "Release" in line:
                    return
        if time.monotonic() - last_heard > AWAY_S:
            raise Unreachable("skerry does not answer any more; the release goes on once it is back")
        over.wait(AGAIN_S)  # nobody says when it is back
