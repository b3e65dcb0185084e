"""The last lines of a task's log."""

from __future__ import annotations

from skerry.engine import streams
from skerry.engine.port import Engine
from skerry.model.objects import Task

LONGEST_LINE = 2000
"""Of a longer one so many characters are kept."""


async def tail(engine: Engine, task: Task, lines: int) -> tuple[str, ...]:
    """The last lines that a task's container wrote. Raises EngineError and EngineUnreachable."""
    cut = streams.lines if task.spec.typed.container_spec.tty else streams.split
    query = {"stdout": "1", "stderr": "1", "follow": "0", "tail": str(lines)}
    async with engine.logs(task.status.container_id, **query) as chunks:
        text = [line.decode("utf-8", "replace").rstrip("\r\n") async for _, line in cut(chunks)]
    return tuple(line[:LONGEST_LINE] for line in text[-lines:])
