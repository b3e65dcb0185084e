"""Ways for a world to be without its engine while its containers run on."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from harness.processes import kill
from harness.world import World


def engine_pid(world: World) -> int:
    """The process of its private dockerd."""
    return int((world.run_dir / "engine.pid").read_text())


@contextmanager
def held(world: World) -> Iterator[None]:
    """The engine killed, and its volumes' database locked from the moment that it ended: none starts."""
    with (world.data_dir / "engine/volumes/metadata.db").open("r+b") as file:
        waiting = threading.Thread(target=fcntl.flock, args=(file, fcntl.LOCK_EX))
        waiting.start()
        kill(engine_pid(world))
        waiting.join(60)
        assert not waiting.is_alive()
        yield


@contextmanager
def stopped(world: World) -> Iterator[None]:
    """The engine's process stopped: who asks it waits."""
    pid = engine_pid(world)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
