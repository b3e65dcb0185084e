"""Runs a task's health check by exec, by the schedule of `agent.health`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from skerry.agent.health import (
    HEALTHY,
    OUTPUT_LIMIT,
    Check,
    HealthState,
    ProbeResult,
    gap,
    recorded,
)
from skerry.engine.port import Engine, EngineError, EngineUnreachable
from skerry.model.defaults import SECOND
from skerry.model.objects import Task

log = structlog.get_logger()

AT_ONCE = 8
"""How many probes may start at the same time: they cost CPU, which the tasks need themselves."""

SLOT_S = 1.0
"""How long a probe keeps its place: one that hangs costs nothing and must not hold up the others."""

Heard = Callable[[Task, str], None]


class Prober:
    """Probes of all tasks, and what they showed: `states` by task ID. `clock` is wall-clock nanoseconds."""

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self.states: dict[str, HealthState] = {}
        self.listeners: list[Heard] = []
        self._engine = engine
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)

    def forget(self, task_id: str) -> None:
        """The task is no more."""
        self.states.pop(task_id, None)

    async def until_changed(self, task: Task, check: Check, age: int, status: str) -> str:
        """Probe until the status is not `status`, and return what it is.

        `age` is the time since the container's start (ns). A task of which nothing is known yet is taken
        to be in `status`: one that was RUNNING before skerryd came had passed its check.
        """
        loop = asyncio.get_running_loop()
        started = loop.time() - age / SECOND
        before = self.states.setdefault(task.id, HealthState(status))
        if before.status != status:
            return before.status
        if status == HEALTHY:
            await asyncio.sleep(check.interval / SECOND)
        while True:
            result = await self._probe(task, check)
            age = int((loop.time() - started) * SECOND)
            state = self.states[task.id]
            if result is not None:
                state = self.states[task.id] = recorded(state, check, result, age)
            if state.status != status:
                log.info("health", task=task.name, status=state.status, age_s=round(age / SECOND, 2))
                for listener in self.listeners:
                    listener(task, state.status)
                return state.status
            await asyncio.sleep(gap(state, check, age) / SECOND)

    async def _probe(self, task: Task, check: Check) -> ProbeResult | None:
        """One probe; None where it says nothing about the task (paused, just ended, the engine away)."""
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

    async def _execute(self, task: Task, check: Check) -> ProbeResult | None:
        start = self._clock()
        try:
            ran = await self._engine.exec(task.name, list(check.command), check.timeout / SECOND)
        except EngineUnreachable:
            return None
        except EngineError as error:
            if error.status in (404, 409):
                return None
            return ProbeResult(start, self._clock(), -1, error.message[:OUTPUT_LIMIT])
        output = ran.output
        if ran.exit_code == -1:
            output = f"Health check exceeded timeout ({check.timeout / SECOND:g}s): {output}"
        return ProbeResult(start, self._clock(), ran.exit_code, output[:OUTPUT_LIMIT])
