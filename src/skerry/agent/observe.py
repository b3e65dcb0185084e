"""What an inspected container says about its task."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from skerry.agent.report import advance
from skerry.core.view import View
from skerry.model.objects import Attachment, Raw, Task
from skerry.model.states import TaskState
from skerry.model.times import instant

UNHEALTHY_CAUSE = "dockerexec: unhealthy container"
OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True)
class End:
    """How a task ended."""

    state: TaskState
    exit_code: int
    err: str = ""


def running(seen: Raw | None) -> bool:
    """Whether it runs (a paused one does)."""
    return seen is not None and bool(seen["State"]["Running"])


def never_started(seen: Raw) -> bool:
    """Whether it was only created."""
    return bool(seen["State"]["Status"] == "created")


def exit_code(seen: Raw | None) -> int:
    """Its exit code, 0 where it is gone."""
    return int(seen["State"]["ExitCode"]) if seen is not None else 0


def age(task: Task, seen: Raw, now: int) -> int:
    """Nanoseconds since its start, by the engine's date; but no more than since the task got where it is, as
    the machine's clock, by which the engine goes, may have been set."""
    by_engine = now - instant(str(seen["State"].get("StartedAt", "")))
    return max(0, min(by_engine, now - task.status.at))


def end_of(
    task: Task, seen: Raw | None, died: int | None, cause: str = "", *, out_of_memory: bool = False
) -> End:
    """The end of a container that does not run any more.

    `died` is the exit code that the engine's event told, if one came: it is all that is known of a container
    that was not looked at, removed, or started again from outside. `cause` is ours, where we made it end.
    `out_of_memory`: an event told that.
    """
    if seen is None and died is None:
        return End(TaskState.FAILED, 0, f"container {task.name} is gone")
    code = died if seen is None or (died is not None and running(seen)) else exit_code(seen)
    assert code is not None
    state = seen["State"] if seen is not None else {}
    starved = out_of_memory or state.get("OOMKilled")
    why = cause or state.get("Error") or (OUT_OF_MEMORY if starved else "")
    if not code and not cause:
        return End(TaskState.COMPLETE, 0)
    return End(TaskState.FAILED, code, f"task: non-zero exit ({code})" + (f": {why}" if why else ""))


def started(task: Task, view: View, seen: Raw, state: TaskState, now: int) -> Task:
    """The row of a task whose container runs: where it is reached, its process, its state."""
    attachments = _addresses(task, view, seen)
    risen = advance(
        task, state, now, container_id=str(seen["Id"]), pid=int(seen["State"]["Pid"] or 0), exit_code=0
    )
    if attachments == task.attachments or task.status.state.terminal:
        return risen
    return msgspec.structs.replace(risen, attachments=attachments)


def _addresses(task: Task, view: View, seen: Raw) -> tuple[Attachment, ...]:
    networks = seen["NetworkSettings"].get("Networks") or {}
    found = []
    for attachment in task.attachments:
        network = view.networks.get(attachment.network_id)
        endpoint = networks.get(network.engine_name) if network is not None else None
        address = str((endpoint or {}).get("IPAddress") or attachment.address)
        found.append(Attachment(attachment.network_id, address))
    return tuple(found)
