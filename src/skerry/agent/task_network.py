"""What the agent asks of the network: a place to join, an orderly way out. `loops.handover` supplies it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from skerry.model.drain import DrainOutcome
from skerry.model.listening import Listening
from skerry.model.objects import Task

log = structlog.get_logger()

WITHDRAWAL_S = 30.0
"""How long the network may take to let go of a task: a table that cannot be changed must not hold up an
update for ever."""


class TaskNetwork(Protocol):
    """The network's side of a task's life, in the order in which it is called."""

    async def joinable(self, task: Task) -> None:
        """Return once the bridges of all the task's networks can take containers."""

    async def withdrawn(self, task_id: str) -> None:
        """Take a task out of the kernel's table and the zone, and return when that has been applied.

        Mostly the store says already that it must leave (its desired state); an unhealthy task is still
        RUNNING and wanted there, and leaves the table by this call alone.
        """

    async def drain(self, task: Task) -> DrainOutcome | None:
        """Wait until what is in flight is answered, or the time for that is over; None for a task that nobody
        reaches."""

    async def displaced(self, places: Mapping[str, str], pid: int, runtime: str) -> Mapping[str, str]:
        """Of these networks (ID, the container's address there), those on which the container of a process is
        not reached at that address, and why. `runtime` is what runs it."""

    async def lead_names(self, places: Mapping[str, str], pid: int) -> None:
        """Have skerry answer inside of a process's container (its address on each network, by ID), at the
        address of the engine's resolver, which some programs have built in. Else the engine goes on."""

    async def silence(self, pid: int, listening: Listening, runtime: str, timeout_s: float | None) -> str:
        """Wait until the container of a process, which `runtime` runs, listens, for `timeout_s` at most (0:
        look once; None: for ever). "" where it does, else what is missing, in words."""

    async def forget(self, task: Task) -> None:
        """A task has ended by itself: whoever was on the way to it shall find another."""


async def withdraw(traffic: TaskNetwork, task_id: str) -> None:
    """Out of the table, acknowledged: after this no new connection reaches the container."""
    try:
        async with asyncio.timeout(WITHDRAWAL_S):
            await traffic.withdrawn(task_id)
    except TimeoutError:
        log.error("stopped although still in the table", task=task_id, after_s=WITHDRAWAL_S)
