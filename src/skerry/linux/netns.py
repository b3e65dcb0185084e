"""Work inside another network namespace, by a thread that enters it.

A namespace belongs to a thread; a socket keeps the one it was made in. So the process stays where it is,
and a thread goes in and comes back with sockets.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from skerry.linux.processes import process_name

T = TypeVar("T")

RUN_NETNS = Path("/run/netns")
OWN = Path("/proc/self/ns/net")
"""That of this process's first thread, which never leaves."""
HERE = Path("/proc/thread-self/ns/net")
"""That of the calling thread."""
CLONE_NEWNET = 0x40000000
SIOCGSKNS = 0x894C
_libc = ctypes.CDLL(None, use_errno=True)


def of_process(pid: int) -> Path:
    """The namespace of a process."""
    return Path(f"/proc/{pid}/ns/net")


def of_socket(handle: int) -> int:
    """A descriptor of the namespace that a socket lives in."""
    return fcntl.ioctl(handle, SIOCGSKNS)


def inode(namespace: Path) -> int | None:
    """The number by which namespaces are told apart; None for one that is gone."""
    try:
        return namespace.stat().st_ino
    except OSError:
        return None


def can_be_entered(namespace: Path) -> bool:
    """Whether a namespace is there: its name may be left over from one that is gone."""
    try:
        inside(namespace, lambda: None)
    except OSError:
        return False
    return True


def enter(namespace: Path) -> None:
    """Move the calling thread into a namespace (`/run/netns/NAME`, `/proc/PID/ns/net`). Raises OSError."""
    with _opened(namespace) as handle:
        _move(handle, namespace)


def inside(namespace: Path, work: Callable[[], T]) -> T:
    """Run `work` in a namespace and give back its result or raise its error. Blocks.

    The calling thread goes there and comes back. The first thread never leaves: it sends another one.
    """
    if threading.current_thread() is not threading.main_thread():
        return _visit(namespace, work)
    with ThreadPoolExecutor(1, thread_name_prefix=f"netns {namespace}") as thread:
        return thread.submit(_visit, namespace, work).result()


def _visit(namespace: Path, work: Callable[[], T]) -> T:
    with _opened(HERE) as home:  # before: with no descriptor left, there would be no way back
        enter(namespace)
        try:
            return work()
        finally:  # a thread that stayed would do its next work there, and keep a dead container's namespace
            _move(home, HERE)


@contextmanager
def _opened(namespace: Path) -> Iterator[int]:
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _move(handle: int, namespace: Path) -> None:
    if _libc.setns(handle, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{os.strerror(code)} (setns)", str(namespace))


def neighbours(name: str) -> list[int]:
    """Every process of a name in this process's network namespace."""
    own = inode(OWN)
    pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return sorted(pid for pid in pids if process_name(pid) == name and inode(of_process(pid)) == own)
