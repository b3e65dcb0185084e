"""Waits until a task listens, as the kernel of its network namespace tells: nothing is sent to it."""

from __future__ import annotations

import asyncio
from time import monotonic

from skerry.linux import netns
from skerry.linux.inet_diag import InetDiag
from skerry.model.listening import Listening
from skerry.network.displacement import by_kernel

FIRST_GAP_S = 0.01
LONGEST_GAP_S = 0.05
GAP_SHARE = 100
"""The gap between two looks is this share of the time so far: who takes long is not looked at so often."""
IDLE_GAP_S = 1.0
"""Where nobody waits for it any more."""


async def silence(pid: int, listening: Listening, runtime: str, timeout_s: float | None) -> str:
    """Look until a process's container listens, for `timeout_s` at most (0: once; None: for ever). "" where
    it does, or where the kernel can't tell; else what is missing, in words.

    Where the process has gone it does not return: its end is told in another way.
    """
    if not by_kernel(runtime):
        return ""
    place = netns.of_process(pid)
    if netns.inode(place) == netns.inode(netns.OWN):  # the machine's own ports are everybody's
        return ""
    try:
        diag = await asyncio.to_thread(InetDiag.within, place)
        with diag:
            return await _looked(diag, listening, timeout_s)
    except OSError:
        if netns.inode(place) is None:
            await asyncio.Event().wait()
        return ""


async def _looked(diag: InetDiag, listening: Listening, timeout_s: float | None) -> str:
    begin = monotonic()
    while words := listening.silent(diag.listeners(listening.protocols)):
        elapsed = monotonic() - begin
        if timeout_s is None:
            await asyncio.sleep(IDLE_GAP_S)
        elif elapsed >= timeout_s:
            return words
        else:
            gap = min(max(FIRST_GAP_S, elapsed / GAP_SHARE), LONGEST_GAP_S)
            await asyncio.sleep(min(gap, timeout_s - elapsed))
    return ""
