"""Which skerryd a world has: this checkout's, another one's, or one that writes a profile of itself."""

from __future__ import annotations

import os
import pstats
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.world import World, wait_until

SOURCE = str(Path(__file__).parent.parent / "src")
SITE = """
import os, sys
if os.environ.get("SKERRY_PROFILE") and "skerry.daemon" in sys.orig_argv:
    import atexit, cProfile, time
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    atexit.register(lambda: (profile.disable(), profile.dump_stats(os.environ["SKERRY_PROFILE"])))
"""
"""Begins a profile in the daemon; Python imports it by its name, `sitecustomize`."""


def world_of(source: str) -> World:
    """A world, not entered yet, whose skerryd is the one of this path of Python's."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = source
    try:
        return World(images=["box"])
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


@contextmanager
def profiled() -> Iterator[tuple[str, Callable[[World], None]]]:
    """A path of Python's by which skerryd profiles itself, and what ends a world's skerryd and prints where
    its time went, by function."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sitecustomize.py").write_text(SITE)
        os.environ["SKERRY_PROFILE"] = f"{folder}/profile"
        yield f"{folder}:{SOURCE}", lambda world: _end(world, f"{folder}/profile")


def _end(world: World, file: str) -> None:
    daemon = Path(f"/proc/{world.pid}")
    os.kill(world.pid, signal.SIGTERM)
    wait_until(lambda: not daemon.exists(), "the profile is written", 90)
    stats = pstats.Stats(file)
    stats.sort_stats("tottime").print_stats(45)
    stats.sort_stats("cumtime").print_stats("skerry", 90)
