"""Work inside another network namespace, by a thread that enters it.

A namespace belongs to a thread; a socket keeps the one it was made in. So the process stays where it is,
and a short-lived thread goes in and comes back with sockets.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

RUN_NETNS = Path("/run/netns")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def enter(namespace: Path) -> None:
    """Move the calling thread into a namespace (`/run/netns/NAME`, `/proc/PID/ns/net`). Raises OSError."""
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(handle, CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"{os.strerror(code)} (setns)", str(namespace))
    finally:
        os.close(handle)


def inside(namespace: Path, work: Callable[[], T]) -> T:
    """Run `work` in a namespace and give back its result or raise its error. Blocks; the thread ends."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            enter(namespace)
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name=f"netns {namespace}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
