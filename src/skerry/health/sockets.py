"""Sockets inside a container: what a probe needs of the machine."""

from __future__ import annotations

import asyncio
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from skerry.linux import netns

SEARCHED = ("usr/bin", "bin", "usr/local/bin", "sbin", "usr/sbin", "usr/local/sbin")
THREADS = 2


class Sockets(Protocol):
    """How a probe gets into a container; `pid` is that of the container's first process."""

    async def open(self, pid: int, host: str) -> socket.socket:
        """A new, non-blocking TCP socket of the host's family inside. OSError where it is gone."""

    def program(self, pid: int, name: str) -> str:
        """Which program answers to a name inside: `busybox`, the name itself, or "" for none."""


class NamespaceSockets:
    """The real ones: threads that enter a container's network namespace, and come back with a socket."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="probe")

    async def open(self, pid: int, host: str) -> socket.socket:
        """See `Sockets`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return await asyncio.get_running_loop().run_in_executor(self._threads, _made_inside, pid, family)

    def program(self, pid: int, name: str) -> str:
        """See `Sockets`. Looks at names only: links that lead from the root would lead out of it."""
        for folder in SEARCHED:
            place = Path(f"/proc/{pid}/root/{folder}/{name}")
            if os.path.lexists(place):
                return _resolved(place, name)
        return ""

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False)


def _made_inside(pid: int, family: socket.AddressFamily) -> socket.socket:
    return netns.inside(
        netns.of_process(pid), lambda: socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    )


def _resolved(place: Path, name: str) -> str:
    """Follows links by their last words, such as `/bin/busybox` and `/etc/alternatives/nc`."""
    for _ in range(4):
        if not place.is_symlink():
            break
        target = place.readlink()
        if target.name == "busybox":
            return "busybox"
        place = place.parent / target if not target.is_absolute() else place  # an absolute one ends here
        if target.is_absolute():
            break
    return name
