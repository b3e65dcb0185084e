"""/services/{id}/logs and /tasks/{id}/logs: the logs of all tasks' containers as one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from skerry.api import frames
from skerry.api.call import Call, Table
from skerry.control import services, swarm, tasks
from skerry.core.view import View
from skerry.engine.port import Engine, EngineError
from skerry.model.errors import InvalidParameter, SkerryError
from skerry.model.objects import Raw, Task
from skerry.model.states import TaskState

QUEUED = 256
"""So many pieces of log wait for a slow client before the engine's streams are left waiting too."""
RETRY_S = 0.25
"""Between two looks at the log of a container that is only about to start."""


@dataclass(frozen=True)
class Wish:
    """What of the logs is wanted, and how."""

    query: dict[str, str]
    follow: bool
    timestamps: bool
    details: bool
    tty: bool


async def of_service(call: Call) -> web.StreamResponse:
    """The logs of all tasks of a service, also of those that come later if followed."""
    _streams(call)
    swarm.manager(call.view)
    service = services.find(call.view, call.ref)
    wish = _wish(call, service.spec.get("TaskTemplate") or {})
    return await _send(
        call, wish, lambda view: list(view.tasks_of(service.id)), lambda view: service.id in view.services
    )


async def of_task(call: Call) -> web.StreamResponse:
    """The logs of one task."""
    _streams(call)
    swarm.manager(call.view)
    key = tasks.find(call.view, call.ref)
    wish = _wish(call, key.spec)

    def find(view: View) -> list[Task]:
        return [view.tasks[key.id]] if key.id in view.tasks else []

    return await _send(
        call, wish, find, lambda view: any(not task.status.state.terminal for task in find(view))
    )


def _streams(call: Call) -> None:
    if call.lenient("stdout") or call.lenient("stderr"):
        return
    if call.facts.modern:
        raise InvalidParameter("must specify at least one of 'stdout' or 'stderr'")
    raise SkerryError("Bad parameters: you must choose at least one stream")


def _wish(call: Call, template: Raw) -> Wish:
    tail = call.text("tail") or "all"
    if tail != "all":
        if tail.startswith("-") and tail[1:].isdigit():
            raise SkerryError("negative tail values not supported")
        if not tail.isdigit():
            raise SkerryError('tail value must be a positive integer or "all"')
    query = {"tail": tail}
    for name in ("stdout", "stderr", "timestamps", "follow"):
        query[name] = "1" if call.lenient(name) else "0"
    if call.text("since"):
        query["since"] = call.text("since")
    tty = bool((template.get("ContainerSpec") or {}).get("TTY"))
    return Wish(query, call.lenient("follow"), call.lenient("timestamps"), call.lenient("details"), tty)


async def _send(
    call: Call, wish: Wish, find: Callable[[View], list[Task]], alive: Callable[[View], bool]
) -> web.StreamResponse:
    response = web.StreamResponse()
    if call.facts.modern:
        kind = "raw" if wish.tty or not call.at_least("1.42") else "multiplexed"
        response.headers["Content-Type"] = f"application/vnd.docker.{kind}-stream"
    await response.prepare(call.request)
    async for piece in merged(call, wish, find, alive):
        await response.write(piece)
    return response


async def merged(
    call: Call, wish: Wish, find: Callable[[View], list[Task]], alive: Callable[[View], bool]
) -> AsyncIterator[bytes]:
    """Pieces of the logs of all tasks that `find` finds; when followed, for as long as they are `alive`."""
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUED)
    readers: dict[str, asyncio.Task[None]] = {}

    def attach(view: View) -> None:
        for task in find(view):
            if task.id not in readers and task.status.container_id and _loggable(task):
                reader = _read(call, wish, task.id, task.status.container_id, pieces)
                readers[task.id] = asyncio.create_task(reader, name=f"logs: {task.name}")

    async def supervise() -> None:
        async with call.store.watch() as commits:
            attach(call.view)
            while wish.follow and alive(call.view):
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
    call: Call, wish: Wish, task_id: str, container: str, pieces: asyncio.Queue[bytes | None]
) -> None:
    """Copy one container's log. One that is only about to start is looked at again."""
    task = call.view.tasks[task_id]
    details = details_of(task) if wish.details and not wish.tty else ""
    while True:
        found = False
        try:
            async for piece in _pieces(call.parts.engine, container, wish, details):
                found = True
                await pieces.put(piece)
        except EngineError as error:
            if error.status != 404:  # 404: the container is gone, and its log with it
                text = f"Error grabbing logs: {error.message}\n".encode()
                await pieces.put(text if wish.tty else frames.frame(frames.SYSTEM, text))
            return
        now = call.view.tasks.get(task_id)
        if found or not wish.follow or now is None or now.status.state != TaskState.STARTING:
            return
        await asyncio.sleep(RETRY_S)


async def _pieces(engine: Engine, container: str, wish: Wish, details: str) -> AsyncIterator[bytes]:
    async with engine.logs(container, **wish.query) as chunks:
        if wish.tty:
            async for chunk in chunks:
                yield chunk
            return
        async for stream, line in frames.split(chunks):
            yield frames.frame(stream, frames.with_details(line, details, timestamps=wish.timestamps))


def details_of(task: Task) -> str:
    """Where a line comes from, as `docker service logs` reads it."""
    found = {
        "com.docker.swarm.node.id": task.node_id,
        "com.docker.swarm.service.id": task.service_id,
        "com.docker.swarm.task.id": task.id,
    }
    return ",".join(f"{key}={quote(value, safe='')}" for key, value in sorted(found.items()))


ROUTES: Table = [
    ("GET", "/services/{ref}/logs", of_service),
    ("GET", "/tasks/{ref}/logs", of_task),
]
