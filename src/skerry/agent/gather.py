"""What is written down of a task for `skerry why`: how it answers and where it listens while it runs, its
last words and the engine's when it has ended. Nothing here may hold up or fail what the task needs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import structlog
from msgspec.structs import replace

from skerry.agent.actor_deps import AgentDeps
from skerry.agent.observe import pid_of, runtime_of
from skerry.engine import streams
from skerry.engine.port import EngineError, EngineUnreachable
from skerry.health.check import Check, ProbeResult, TaskHealth
from skerry.health.probe import HttpProbe
from skerry.linux.kernel_log import killed_for_memory
from skerry.model import facts as bounds
from skerry.model.errors import SkerryError
from skerry.model.facts import Facts, LastProbe, bounded
from skerry.model.objects import Raw, Task
from skerry.model.times import instant

log = structlog.get_logger()

LOOK_S = 5.0
"""Longer than that nobody waits for a log or an image."""
LOG_BYTES = 64 * 1024
KILLED = 137
"""The exit code of what SIGKILL ended."""
WRONG_PLATFORM = "exec format error"
_PORT = re.compile(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[?::1\]?)[: ]+(\d{2,5})\b")


async def while_it_runs(parts: AgentDeps, task: Task, container: Raw, check: Check | None) -> Facts:
    """How its check was answered last, and what listens in it."""
    health = parts.prober.states.get(task.id)
    listeners = await asyncio.to_thread(parts.listeners_of, pid_of(container), runtime_of(container))
    return Facts(
        started_at=instant(str(container["State"].get("StartedAt", ""))),
        probe=_last_probe(check, health) if check is not None and health is not None else None,
        listeners=listeners[: bounds.MOST_LISTENERS] if listeners is not None else None,
    )


async def after_its_end(parts: AgentDeps, task: Task, container: Raw | None, facts: Facts) -> Facts:
    """`facts`, with its last words and the engine's."""
    state = container["State"] if container is not None else {}
    lines = await _last_lines(parts, task)
    error = bounded(str(state.get("Error") or ""))
    facts = replace(
        facts,
        started_at=facts.started_at or instant(str(state.get("StartedAt", ""))),
        log=lines,
        out_of_memory=facts.out_of_memory or await _ended_for_memory(container),
        engine=error,
    )
    if any(WRONG_PLATFORM in text for text in (error, *lines)):
        return replace(facts, platform=await platform_of(parts, task.spec.typed.container_spec.image))
    return facts


async def _ended_for_memory(container: Raw | None) -> bool:
    """Whether it was killed for its memory, by the engine's word or, as the engine misses it of one that
    ends at once, by the kernel's."""
    if container is None:
        return False
    state = container["State"]
    if state.get("OOMKilled") or state.get("ExitCode") != KILLED:
        return bool(state.get("OOMKilled"))
    return await asyncio.to_thread(killed_for_memory, str(container["Id"]))


async def platform_of(parts: AgentDeps, reference: str) -> str:
    """What an image is made for, e.g. `linux/arm64`; "" where that can't be learned."""
    try:
        async with asyncio.timeout(LOOK_S):
            image = await parts.engine.inspect_image(reference)
    except (SkerryError, TimeoutError):
        return ""
    return f"{image.get('Os', '')}/{image.get('Architecture', '')}" if image is not None else ""


async def _last_lines(parts: AgentDeps, task: Task) -> tuple[str, ...]:
    """The last lines of its log; none where its log driver can't be read, or the container is gone."""
    cut = _of_terminal if task.spec.typed.container_spec.tty else _of_frames
    query = {"stdout": "1", "stderr": "1", "tail": str(bounds.LINES)}
    try:
        async with asyncio.timeout(LOOK_S), parts.engine.logs(task.name, **query) as chunks:
            text = await cut(_some(chunks))
    except (EngineError, EngineUnreachable, TimeoutError) as error:
        log.info("no last lines", task=task.name, why=str(error))
        return ()
    lines = (bounded(line, bounds.LINE_LENGTH) for line in text.decode(errors="replace").splitlines())
    return tuple(line for line in lines if line)[-bounds.LINES :]


async def _some(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """No more than is looked at: twenty lines may have any length."""
    left = LOG_BYTES
    async for chunk in chunks:
        yield chunk[:left]
        left -= len(chunk)
        if left <= 0:
            return


async def _of_frames(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([line async for _, line in streams.split(chunks)])


async def _of_terminal(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def _last_probe(check: Check, health: TaskHealth) -> LastProbe | None:
    """The last run of a check, or None before the first: what it asked, what came back, and how often it has
    failed in a row."""
    if not health.log:
        return None
    result: ProbeResult = health.log[-1]
    question, port = _asked(check)
    return LastProbe(
        asked=bounded(question),
        exit_code=result.exit_code,
        output=bounded(result.output),
        took=max(0, result.end - result.start),
        port=port,
        failures=health.streak,
        patience=check.patience,
    )


def _asked(check: Check) -> tuple[str, int]:
    """What a check does, in words, and the port of the container that it asks (0: nobody knows)."""
    words = " ".join(check.command)
    if isinstance(check.probe, HttpProbe):
        host = dict(check.probe.headers).get("Host", check.probe.hosts[0])
        return words or f"{check.probe.method} http://{host}{check.probe.target}", check.probe.port
    if check.probe is not None:
        return words or f"a connection to port {check.probe.port}", check.probe.port
    match = _PORT.search(words)
    return words, int(match[1]) if match else 0
