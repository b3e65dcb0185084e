"""/services/{id}/logs and /tasks/{id}/logs: the logs of all tasks' containers as one stream.

What is past comes first, the lines of all tasks in the order of time; what is followed comes as it happens.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from skerry.api import engine_versions
from skerry.api.call import Call
from skerry.api.query import FLAG, TEXT
from skerry.api.responses import NO_TYPE
from skerry.api.route import Route, Table
from skerry.control import services, tasks
from skerry.control.access import require_swarm
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.core.view import View
from skerry.engine import streams
from skerry.engine.port import EngineError
from skerry.model.errors import SkerryError
from skerry.model.go import strconv, timestamps
from skerry.model.objects import Task
from skerry.model.specs import TaskTemplate
from skerry.model.states import TaskState

QUEUED = 256
"""So many pieces of log wait for a slow client before the engine's streams are left waiting too."""
RETRY_S = 0.25
"""Between two looks at the log of a container that is only about to start."""


@dataclass(frozen=True)
class LogOptions:
    """What of the logs is wanted, and how."""

    query: dict[str, str]
    """The engine's; lines always come with their time."""
    follow: bool
    timestamps: bool
    details: bool
    tty: bool
    """Whether lines go out as a terminal shows them, without streams."""

    def framed(self, stream: int, line: bytes) -> bytes:
        """A line as it goes out."""
        return line if self.tty else streams.frame(stream, line)


async def of_service(call: Call) -> web.StreamResponse:
    """The logs of all tasks of a service, also of those that come later if followed."""
    _streams(call)
    require_swarm(call.view)
    service = services.find(call.view, call.ref)
    options = _options(call, service.spec.typed.task_template)
    return await _send(
        call, options, lambda view: list(view.tasks_of(service.id)), lambda view: service.id in view.services
    )


async def of_task(call: Call) -> web.StreamResponse:
    """The logs of one task."""
    _streams(call)
    require_swarm(call.view)
    key = tasks.find(call.view, call.ref)
    options = _options(call, key.spec.typed)

    def find(view: View) -> list[Task]:
        return [view.tasks[key.id]] if key.id in view.tasks else []

    return await _send(
        call, options, find, lambda view: any(not task.status.state.terminal for task in find(view))
    )


def _streams(call: Call) -> None:
    if call.query.flag("stdout") or call.query.flag("stderr"):
        return
    raise SkerryError("Bad parameters: you must choose at least one stream")


def _options(call: Call, template: TaskTemplate) -> LogOptions:
    """What the query asks for, and the query that the engine is asked. Raises in the engine's words for what
    is none."""
    query = {"tail": _tail(call.query.text("tail"))}
    for name in ("stdout", "stderr"):
        query[name] = "1" if call.query.flag(name) else "0"
    query["timestamps"] = "1"
    if call.query.flag("details"):
        query["details"] = "1"
    if call.query.text("since"):
        query["since"] = _since(call.query.text("since"))
    return LogOptions(
        query,
        call.query.flag("follow"),
        call.query.flag("timestamps"),
        call.query.flag("details"),
        template.container_spec.tty,
    )


def _tail(text: str) -> str:
    if text in ("", "all"):
        return "all"
    try:
        number = strconv.parse_int(text)
    except strconv.NumError as error:
        raise SkerryError('tail value must be a positive integer or "all"') from error
    if number < 0:
        raise SkerryError("negative tail values not supported")
    return str(number)


def _since(text: str) -> str:
    try:
        timestamps.parse(text)
    except strconv.NumError as error:
        raise SkerryError(f"could not parse since timestamp: {error}") from error
    return text


async def _send(
    call: Call, options: LogOptions, find: Callable[[View], list[Task]], alive: Callable[[View], bool]
) -> web.StreamResponse:
    """Send what is past, then what is followed while `alive` says that more may come from the tasks of
    `find`."""
    response = web.StreamResponse()
    if call.facts.has(engine_versions.LOG_TYPES):
        kind = "raw" if options.tty or not call.at_least("1.42") else "multiplexed"
        response.headers["Content-Type"] = f"application/vnd.docker.{kind}-stream"
    else:
        response.headers["Content-Type"] = NO_TYPE
    await response.prepare(call.request)
    last_stamps: dict[str, str] = {}
    async for piece in _past(call, options, find(call.view), last_stamps):
        await response.write(piece)
    if options.follow:
        async for piece in merged(call, options, find, alive, last_stamps):
            await response.write(piece)
    return response


async def _past(
    call: Call, options: LogOptions, tasks: list[Task], last_stamps: dict[str, str]
) -> AsyncIterator[bytes]:
    """The lines that there are, in the order of time; `last_stamps` gets each container's last one's time."""
    sources: list[AsyncIterator[tuple[str, bytes]]] = []
    heap: list[tuple[str, int, bytes]] = []
    owners: list[str] = []

    async def advance(index: int) -> None:
        async for stamp, piece in sources[index]:
            heapq.heappush(heap, (stamp, index, piece))
            return

    try:
        for task in tasks:
            if task.status.container_id and _loggable(task):
                owners.append(task.status.container_id)
                sources.append(_lines(call, options, task, {**options.query, "follow": "0"}))
                await advance(len(sources) - 1)
        while heap:
            stamp, index, piece = heapq.heappop(heap)
            last_stamps[owners[index]] = stamp
            yield piece
            await advance(index)
    finally:
        for source in sources:
            await source.aclose()  # type: ignore[attr-defined]  # a generator


async def _lines(
    call: Call, options: LogOptions, task: Task, query: dict[str, str], after: str = ""
) -> AsyncIterator[tuple[str, bytes]]:
    """(time, piece) of each line of a task's container that is later than `after`.

    An error of the engine's is a piece of its own; a container that is gone has no lines.
    """
    cut = streams.lines if task.spec.typed.container_spec.tty else streams.split
    try:
        async with call.deps.engine.logs(task.status.container_id, **query) as chunks:
            async for stream, line in cut(chunks):
                stamp, space, text = line.partition(b" ")
                if stamp.decode("latin-1") <= after:
                    continue
                shown = _with_details(task, text) if options.details else text
                shown = stamp + space + shown if options.timestamps else shown
                yield stamp.decode("latin-1"), options.framed(stream, shown)
    except EngineError as error:
        if error.status != 404:
            yield after, options.framed(streams.SYSTEM, f"Error grabbing logs: {error.message}\n".encode())


async def merged(
    call: Call,
    options: LogOptions,
    find: Callable[[View], list[Task]],
    alive: Callable[[View], bool],
    last_stamps: dict[str, str],
) -> AsyncIterator[bytes]:
    """Pieces of the logs of all tasks that `find` finds, as they come, while they are `alive`.

    `last_stamps` has the time of the last line of each container that was given already.
    """
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED)
    readers: dict[str, asyncio.Task[None]] = {}

    def attach(view: View) -> None:
        for task in find(view):
            if task.id not in readers and task.status.container_id and _loggable(task):
                reader = _read(call, options, task, last_stamps.get(task.status.container_id, ""), pieces)
                readers[task.id] = asyncio.create_task(reader, name=f"logs: {task.name}")

    async def supervise() -> None:
        async with call.store.watch() as commits:
            attach(call.view)
            while alive(call.view):
                attach((await commits.get()).view)
        await asyncio.gather(*readers.values())
        await pieces.put(None)

    supervisor = asyncio.create_task(supervise(), name="logs")
    try:
        while (piece := await _next(pieces, supervisor)) is not None:
            yield piece
    finally:
        for running in (supervisor, *readers.values()):
            running.cancel()
        await asyncio.gather(supervisor, *readers.values(), return_exceptions=True)


async def _next(pieces: asyncio.Queue[bytes | None], supervisor: asyncio.Task[None]) -> bytes | None:
    """The next piece; what made the supervisor fail is raised here."""
    getting = asyncio.ensure_future(pieces.get())
    try:
        await asyncio.wait({getting, supervisor}, return_when=asyncio.FIRST_COMPLETED)
        if not getting.done():
            supervisor.result()
            return await getting
        return getting.result()
    finally:
        getting.cancel()


def _loggable(task: Task) -> bool:
    """Whether the container was started, so that following its log does not end at once."""
    return task.status.state >= TaskState.STARTING


async def _read(
    call: Call, options: LogOptions, task: Task, after: str, pieces: asyncio.Queue[bytes | None]
) -> None:
    """Copy one container's log. One that is only about to start is looked at again."""
    query = {**options.query, "follow": "1"}
    if after:
        query |= {"since": _seconds(after), "tail": "all"}
    while True:
        got_lines = False
        async for _, piece in _lines(call, options, task, query, after):
            got_lines = True
            await pieces.put(piece)
        now = call.view.tasks.get(task.id)
        if got_lines or now is None or now.status.state != TaskState.STARTING:
            return
        await asyncio.sleep(RETRY_S)


def _seconds(stamp: str) -> str:
    """`2026-11-25T08:00:12.356107704Z` as the engine's `since` has it."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return f"{seconds}.{fraction or '0'}"


def _with_details(task: Task, text: bytes) -> bytes:
    """A line of the engine's, which begins with what the log driver tells of it; beside that, where it comes
    from, as `docker service logs` reads it."""
    driver_details, space, line = text.partition(b" ")
    details = dict(pair.partition("=")[::2] for pair in driver_details.decode("latin-1").split(",") if pair)
    details |= {
        "com.docker.swarm.node.id": task.node_id,
        "com.docker.swarm.service.id": task.service_id,
        "com.docker.swarm.task.id": task.id,
    }
    return ",".join(f"{key}={value}" for key, value in sorted(details.items())).encode() + space + line


_QUERY = {
    **dict.fromkeys(("stdout", "stderr", "follow", "timestamps", "details"), FLAG),
    **dict.fromkeys(("since", "tail"), TEXT),
}

ROUTES: Table = [
    Route("GET", "/services/{ref}/logs", of_service, query=_QUERY, access=of("service", Deploy.SEE)),
    Route("GET", "/tasks/{ref}/logs", of_task, query=_QUERY, access=of("task", Deploy.SEE)),
]
