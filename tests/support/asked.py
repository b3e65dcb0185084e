"""A client that asks all the while, and notices everything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harness.world import World

CLIENT = """
import select, sys, urllib.request
good, bad, more = 0, [], 5
while more:
    more -= bool(select.select([sys.stdin], [], [], 0.02)[0])
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=30) as answer:
            answer.read()
        good += 1
    except OSError as error:
        bad.append(str(error))
print(good, bad, flush=True)
"""


@contextmanager
def asked(world: World, url: str, container: str = "") -> Iterator[None]:
    """A client asks all the while and a little longer, from another host or a container; nothing may fail."""
    line = [sys.executable, "-c", CLIENT, url]
    if container:
        pid = world.inspect("container", container)["State"]["Pid"]
        line = ["nsenter", f"--target={pid}", "--net", *line]
    line = world.net.within(line, outside=not container)
    client = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        said, _ = client.communicate("enough\n", timeout=90)
    good, _, bad = said.strip().partition(" ")
    assert (int(good) >= 5, bad) == (True, "[]"), said
