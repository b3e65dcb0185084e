"""The hooks of one task, run by the engine in its container."""

from __future__ import annotations

import asyncio

import structlog

from skerry.agent.actor_deps import AgentDeps
from skerry.engine.port import EngineError
from skerry.model import labels
from skerry.model.defaults import SECOND
from skerry.model.hooks import FAILED, POST_START, PRE_STOP, Hook
from skerry.model.objects import Task

log = structlog.get_logger()

LONGEST = 200
"""So many characters of a hook's command, and of a failed one's last line, are told."""
TIMED_OUT = -1


def hooks_of(task: Task, name: str) -> list[Hook]:
    """What a label says; one that means nothing, from before it was known, is as if absent."""
    try:
        hooks: list[Hook] = labels.read(task.spec.typed.container_spec.labels, name)
    except ValueError:
        return []
    return hooks


async def after_start(parts: AgentDeps, task: Task) -> str:
    """Run the hooks of a task that has just started; why the task fails, in words, or ""."""
    for hook in hooks_of(task, POST_START):
        deadline = labels.read_duration(task.labels, labels.UPDATE_DEADLINE) / SECOND
        why = await _run(parts, task, hook, deadline)
        if why:
            return f"{FAILED}: {why}"
    return ""


async def before_stop(parts: AgentDeps, task: Task) -> None:
    """Run the hooks of a task that is about to be stopped, all within its grace period."""
    clock = asyncio.get_running_loop().time
    until = clock() + task.spec.typed.container_spec.stop_grace_period / SECOND
    for hook in hooks_of(task, PRE_STOP):
        why = await _run(parts, task, hook, max(0.0, until - clock()))
        if why:
            log.warning("a pre_stop hook failed", task=task.name, why=why)


async def _run(parts: AgentDeps, task: Task, hook: Hook, timeout_s: float) -> str:
    """Run one hook; why it failed, in words, or ""."""
    name = " ".join(hook.command)[:LONGEST]
    try:
        result = await parts.engine.exec(task.name, hook.command, timeout_s, hook.user, hook.options)
    except EngineError as error:
        return f"{name}: {error.message}"
    if not result.exit_code:
        return ""
    lines = result.output.strip().splitlines()
    last_line = f": {lines[-1][:LONGEST]}" if lines else ""
    if result.exit_code == TIMED_OUT:
        return f"{name}: it was not over within {timeout_s:g} s{last_line}"
    return f"{name}: exit code {result.exit_code}{last_line}"
