"""What an inspected container says about its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from skerry.agent.report import advance
from skerry.core.view import View
from skerry.model.family import FAMILIES, FOUR, Family
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


@dataclass(frozen=True)
class Listens:
    """How a task that counts as running without a health check listens."""

    missing: str = ""
    """Where it should and does not, in words."""
    nowhere: bool = False
    """Nothing of it listens for TCP, so that it would refuse whoever comes."""


def looked_at(container: Raw) -> Raw:
    """What a task needs of an inspected container: the rest, some 20 kB, would be kept as long as it runs."""
    return {
        **{key: container[key] for key in ("Id", "Image", "State", "HostsPath") if key in container},
        "HostConfig": {"Runtime": (container.get("HostConfig") or {}).get("Runtime")},
        "NetworkSettings": {"Networks": container["NetworkSettings"].get("Networks")},
    }


def running(container: Raw | None) -> bool:
    """Whether it runs (a paused one does)."""
    return container is not None and bool(container["State"]["Running"])


def pid_of(container: Raw) -> int:
    """Its first process; 0 where none runs."""
    return int(container["State"]["Pid"] or 0)


def runtime_of(container: Raw) -> str:
    """What runs it; "" is the engine's own choice."""
    return str((container.get("HostConfig") or {}).get("Runtime") or "")


def never_started(container: Raw) -> bool:
    """Whether it was only created."""
    return bool(container["State"]["Status"] == "created")


def exit_code(container: Raw | None) -> int:
    """Its exit code, 0 where it is gone."""
    return int(container["State"]["ExitCode"]) if container is not None else 0


def age(task: Task, container: Raw, now: int) -> int:
    """Nanoseconds since its start, by the engine's date; but no more than since the task got where it is, as
    the machine's clock, by which the engine goes, may have been set."""
    by_engine = now - instant(str(container["State"].get("StartedAt", "")))
    return max(0, min(by_engine, now - task.status.at))


def end_of(
    task: Task, container: Raw | None, died: int | None, cause: str = "", *, out_of_memory: bool = False
) -> End:
    """The end of a container that does not run any more.

    `died` is the exit code that the engine's event told, if one came: it is all that is known of a container
    that was not looked at, removed, or started again from outside. `cause` is ours, where we made it end.
    `out_of_memory`: an event told that.
    """
    if container is None and died is None:
        return End(TaskState.FAILED, 0, f"container {task.name} is gone")
    code = died if container is None or (died is not None and running(container)) else exit_code(container)
    assert code is not None
    state = container["State"] if container is not None else {}
    starved = out_of_memory or state.get("OOMKilled")
    why = cause or state.get("Error") or (OUT_OF_MEMORY if starved else "")
    if not code and not cause:
        return End(TaskState.COMPLETE, 0)
    return End(TaskState.FAILED, code, f"task: non-zero exit ({code})" + (f": {why}" if why else ""))


def started(
    task: Task,
    view: View,
    container: Raw,
    state: TaskState,
    now: int,
    displaced: Mapping[str, str] | None = None,
    listens: Listens | None = None,
) -> Task:
    """The row of a task whose container runs: where it is reached, its process, its state.

    `displaced`: on which networks it is not where the engine believes it to be, and why.
    """
    displaced, listens = displaced or {}, listens or Listens()
    attachments = _reached(task, view, container, displaced)
    risen = advance(
        task,
        state,
        now,
        _faults(task, view, container, displaced, listens),
        container_id=str(container["Id"]),
        pid=pid_of(container),
        exit_code=0,
        unheard=listens.nowhere,
    )
    if attachments == task.attachments or task.status.state.terminal:
        return risen
    return msgspec.structs.replace(risen, attachments=attachments)


def located(task: Task, view: View, container: Raw, displaced: Mapping[str, str], listens: Listens) -> Task:
    """The row of a task with the addresses that its container has at this moment, and what is wrong with
    them, or with how it listens; the row itself where that is nothing new."""
    if task.status.state.terminal:
        return task
    err = _faults(task, view, container, displaced, listens)
    status = msgspec.structs.replace(task.status, err=err, unheard=listens.nowhere)
    moved = msgspec.structs.replace(
        task, attachments=_reached(task, view, container, displaced), status=status
    )
    return task if moved == task else moved


def addresses(task: Task, view: View, container: Raw, family: Family = FOUR) -> dict[str, str]:
    """The container's address on each of the task's networks, as the engine says; empty: on none there."""
    networks = container["NetworkSettings"].get("Networks") or {}
    places = {}
    for attachment in task.attachments:
        network = view.networks.get(attachment.network_id)
        endpoint = networks.get(network.engine_name) if network is not None else None
        places[attachment.network_id] = str((endpoint or {}).get(family.shown_key) or "")
    return places


def absences(task: Task, view: View, container: Raw, displaced: Mapping[str, str]) -> str:
    """On which of its networks a task gets no traffic though it runs, and why; empty where all is well."""
    reasons = []
    for key, address in addresses(task, view, container).items():
        network = view.networks.get(key)
        if network is None or not network.leg:
            continue
        why = displaced.get(key, "") if address else "its container was disconnected"
        if why:
            reasons.append(f"no traffic on network {network.name}: {why}")
    return "; ".join(reasons)


def _faults(task: Task, view: View, container: Raw, displaced: Mapping[str, str], listens: Listens) -> str:
    return "; ".join(filter(None, (absences(task, view, container, displaced), listens.missing)))


def _reached(task: Task, view: View, container: Raw, displaced: Mapping[str, str]) -> tuple[Attachment, ...]:
    """An address that is not the task's at this moment would lead its clients to somebody else."""
    four, six = (addresses(task, view, container, family) for family in FAMILIES)
    away = dict.fromkeys(displaced, "")
    four, six = {**four, **away}, {**six, **away}
    return tuple(
        msgspec.structs.replace(place, address=four[place.network_id], six=six[place.network_id])
        for place in task.attachments
    )
