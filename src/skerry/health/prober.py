"""Runs a task's health check, by socket or by exec, by the schedule of `health.check`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.health.check import (
    HEALTHY,
    OUTPUT_LIMIT,
    Check,
    ProbeResult,
    TaskHealth,
    gap,
    recorded,
)
from skerry.health.socket_probe import Unsure, probe_by_socket
from skerry.health.sockets import Sockets
from skerry.model.defaults import SECOND
from skerry.model.objects import Raw, Task

log = structlog.get_logger()

AT_ONCE = 8
"""How many commands may start at the same time: they cost CPU, which the tasks need themselves."""

SLOT_S = 0.25
"""How long a command keeps its place: one that hangs costs nothing and must not hold up the others."""

Heard = Callable[[Task, str], None]


class Prober:
    """Probes of all tasks, and what they showed: `states` by task ID. `clock` is wall-clock nanoseconds.

    Without `sockets` every check is executed.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int], sockets: Sockets | None = None) -> None:
        self.states: dict[str, TaskHealth] = {}
        self.listeners: list[Heard] = []
        self._engine = engine
        self._clock = clock
        self._sockets = sockets
        self._slots = asyncio.Semaphore(AT_ONCE)

    def forget(self, task_id: str) -> None:
        """The task is no more."""
        self.states.pop(task_id, None)

    async def until_changed(self, task: Task, check: Check, status: str, age: int, pid: int) -> str:
        """Probe until the status is not `status`, and return what it is.

        `age` is the time since the container's start (ns), `pid` its first process. A task of which nothing
        is known yet is taken to be in `status`: one that was RUNNING before skerryd had passed its check.
        """
        loop = asyncio.get_running_loop()
        started = loop.time() - age / SECOND
        before = self.states.setdefault(task.id, TaskHealth(status))
        if before.status != status:
            return before.status
        if status == HEALTHY:
            await asyncio.sleep(check.interval / SECOND)
        while True:
            done = check
            try:
                result = await self._probe(task, check, pid)
            except Unsure:
                done = replace(check, probe=None)
                result = await self._probe(task, done, pid)
            age = int((loop.time() - started) * SECOND)
            state = self.states[task.id]
            if result is not None:
                state = self.states[task.id] = recorded(state, check, result, age)
            if state.status != status:
                log.info("health", task=task.name, status=state.status, age_s=round(age / SECOND, 2))
                for listener in self.listeners:
                    listener(task, state.status)
                return state.status
            await asyncio.sleep(gap(state, done, age) / SECOND)

    async def _probe(self, task: Task, check: Check, pid: int) -> ProbeResult | None:
        """One probe; None where it says nothing about the task (paused, just ended, the engine away).
        Raises Unsure where a socket can't tell, but the command can."""
        if check.probe is not None and self._sockets is not None:
            return await self._by_socket(task, check, self._sockets, pid)
        await self._slots.acquire()
        running = asyncio.ensure_future(self._execute(task, check))
        try:
            await asyncio.wait({running}, timeout=SLOT_S)
        except asyncio.CancelledError:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            raise
        finally:
            self._slots.release()
        return await running

    async def _by_socket(self, task: Task, check: Check, sockets: Sockets, pid: int) -> ProbeResult | None:
        """One probe by socket; None where the container is gone or paused. Raises Unsure where only the
        command can tell."""
        assert check.probe is not None
        start = self._clock()
        try:
            result = await probe_by_socket(check.probe, sockets, pid, check.timeout)
        except OSError:  # the container is gone
            return None
        except Unsure:
            if check.command:
                raise
            return ProbeResult(start, self._clock(), 1, "no answer that could be read")
        output = result.output
        if result.exit_code == -1:
            container = await self._inspect(task)
            if container is None or container["State"].get("Paused"):
                return None
            output = f"Health check exceeded timeout ({check.timeout / SECOND:g}s): {output}"
        return ProbeResult(start, self._clock(), result.exit_code, output[:OUTPUT_LIMIT])

    async def _inspect(self, task: Task) -> Raw | None:
        try:
            return await self._engine.inspect_container(task.name)
        except EngineError:
            return None
        except EngineUnreachable:
            return {"State": {}}

    async def _execute(self, task: Task, check: Check) -> ProbeResult | None:
        """One run of the command by the engine; None where that says nothing about the task."""
        start = self._clock()
        try:
            result = await self._engine.exec(task.name, list(check.command), check.timeout / SECOND)
        except EngineUnreachable:
            return None
        except EngineError as error:
            if error.status in (404, 409):
                return None
            return ProbeResult(start, self._clock(), -1, error.message[:OUTPUT_LIMIT])
        output = result.output
        if result.exit_code == -1:
            output = f"Health check exceeded timeout ({check.timeout / SECOND:g}s): {output}"
        return ProbeResult(start, self._clock(), result.exit_code, output[:OUTPUT_LIMIT])
