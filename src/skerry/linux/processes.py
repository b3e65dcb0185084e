"""Processes of this machine, as /proc shows them."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

PR_SET_DUMPABLE = 4
_libc = ctypes.CDLL(None, use_errno=True)


def process_name(pid: int) -> str:
    """The name of a living process, or "" (zombies have ended)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return "" if rest.split()[0] == "Z" else name


def command_line(pid: int) -> list[str]:
    """The words of a process's command line; none where it has ended."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [word.decode(errors="replace") for word in line.rstrip(b"\0").split(b"\0")]


def descendants(pid: int) -> list[int]:
    """All children and their children, the youngest generation first."""
    try:
        line = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    children = [int(word) for word in line.split()]
    return [process for child in children for process in [*descendants(child), child]]


def wait_for_children_without_threads() -> None:
    """Have asyncio hear of a child's end by a descriptor, as Python 3.12 does by itself: before, each child
    costs a thread that waits for it. Where the kernel has no such descriptors (before 5.3), it goes on so."""
    if sys.version_info < (3, 12):
        import asyncio  # commands, which wait for no child so, need not load it

        with suppress(OSError):
            os.close(os.pidfd_open(os.getpid()))
            asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


def refuse_core_dumps() -> None:
    """Have the kernel leave no core of this process, whose memory holds secrets, nor let anybody without
    CAP_SYS_PTRACE read it. What it executes is free again: an engine's containers may want their cores."""
    if _libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")
