"""Waits until a task listens, as the kernel of its network namespace tells: nothing is sent to it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

from skerry.linux import netns
from skerry.linux.inet_diag import InetDiag
from skerry.model.listening import Listening, ListeningSocket
from skerry.network.displacement import by_kernel

FIRST_GAP_S = 0.01
LONGEST_GAP_S = 0.05
GAP_SHARE = 100
"""The gap between two looks is this share of the time so far: who takes long is not looked at so often."""
LATE_GAP_S = 10.0
LATE_GAP_SHARE = 20
"""The same where nobody waits for it."""
KEPT_GAP_S = 1.0
"""Where a gap is as long as that, no socket is kept open in between."""


async def silence(pid: int, listening: Listening, runtime: str, timeout_s: float | None) -> str:
    """Look until a process's container listens, for `timeout_s` at most (0: once; None: for ever). "" where
    it does, or where the kernel can't tell; else what is missing, in words.

    Who waits for a process that has gone waits for ever: its end is told in another way.
    """
    if not by_kernel(runtime):
        return ""
    place = netns.of_process(pid)
    if netns.inode(place) == netns.inode(netns.OWN):  # the machine's own ports are everybody's
        return ""
    begin = monotonic()
    try:
        while True:
            missing, gap_s = await _looked(place, listening, begin, timeout_s)
            if not gap_s:
                return missing
            await asyncio.sleep(gap_s)
    except OSError:
        if netns.inode(place) is None and timeout_s != 0:
            await asyncio.Event().wait()
        return ""


async def _looked(
    place: Path, listening: Listening, begin: float, timeout_s: float | None
) -> tuple[str, float]:
    """What is missing after some looks, one soon after the other; in how many seconds to go on (0: never)."""
    with await asyncio.to_thread(InetDiag.within, place) as diag:
        while True:
            missing = listening.silent(diag.listeners(listening.protocols))
            elapsed_s = monotonic() - begin
            if not missing or (timeout_s is not None and elapsed_s >= timeout_s):
                return missing, 0
            gap_s = _gap_s(elapsed_s, timeout_s)
            if gap_s >= KEPT_GAP_S:
                return missing, gap_s
            await asyncio.sleep(gap_s)


def _gap_s(elapsed_s: float, timeout_s: float | None) -> float:
    """How long to wait before the next look."""
    if timeout_s is None:
        return min(max(FIRST_GAP_S, elapsed_s / LATE_GAP_SHARE), LATE_GAP_S)
    return min(max(FIRST_GAP_S, elapsed_s / GAP_SHARE), LONGEST_GAP_S, timeout_s - elapsed_s)


RESOLVER = "127.0.0.11"
"""Where the engine's resolver listens inside of containers, which is nothing of theirs."""


def listeners_of(pid: int, runtime: str) -> tuple[ListeningSocket, ...] | None:
    """What listens for TCP in the container of a process; None where the kernel can't tell, or where
    these are
    the machine's own ports, which are everybody's. Blocks."""
    place = netns.of_process(pid)
    if not by_kernel(runtime) or netns.inode(place) in (None, netns.inode(netns.OWN)):
        return None
    try:
        with InetDiag.within(place) as diag:
            here = diag.listeners(("tcp",))
    except OSError:
        return None
    return tuple(sorted(listener for listener in here if listener.address != RESOLVER))
