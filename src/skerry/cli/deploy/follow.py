"""Watching a release until it is over."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.cli.deploy.progress import Progress
from skerry.cli.deploy.views import View
from skerry.model.objects import Raw

TICK_S = 0.1


class TimedOut(Exception):
    """It is not over yet, and goes on."""


def follow(client: DockerClient, stack: str, release: int, view: View, timeout: float) -> Raw:
    """The last line of a release, once it is over; `client` is one without a timeout of its own.

    Raises TimedOut after `timeout` seconds, Refused, Unreachable.
    """
    progress = Progress()
    deadline = time.monotonic() + timeout
    try:
        for line in _lines(client, f"/skerry/stacks/{quote(stack)}/progress?release={release}"):
            now = time.monotonic()
            if line is None:
                view.tick(progress, now)
            else:
                progress.apply(line, now)
                view.show(line, progress, now)
            if progress.outcome is not None:
                return progress.outcome
            if now >= deadline:
                raise TimedOut
    finally:
        view.close()
    raise Unreachable("skerry ended before the release did: it goes on once skerry is back")


def _lines(client: DockerClient, path: str) -> Iterator[Raw | None]:
    """Each line as it comes, and None each TICK_S seconds."""
    lines: queue.Queue[Raw | Exception | None] = queue.Queue()

    def read() -> None:
        try:
            for line in client.lines(path):
                lines.put(line)
            lines.put(None)
        except (Refused, Unreachable, ValueError) as error:
            lines.put(error)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=TICK_S)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        if isinstance(line, Exception):
            raise line
        yield line
