"""/services/{id}/logs and /tasks/{id}/logs: the logs of all tasks' containers as one stream.

What is past comes first, the lines of all tasks in the order of time; what is followed comes as it happens.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from skerry.api import engine_versions
from skerry.api.call import Call
from skerry.api.merged_logs import Alive, Find, LogLine, MergedLogs
from skerry.api.query import FLAG, TEXT
from skerry.api.responses import NO_TYPE
from skerry.api.route import Route, Table
from skerry.control import services, tasks
from skerry.control.access import require_swarm
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.core.view import View
from skerry.engine import streams
from skerry.model.errors import SkerryError
from skerry.model.go import strconv, timestamps
from skerry.model.objects import Task
from skerry.model.specs import TaskTemplate


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

    def shown(self, line: LogLine) -> bytes:
        """A line as it goes out."""
        text = line.text
        if line.stream != streams.SYSTEM:
            text = _with_details(line.task, text) if self.details else text
            text = line.stamp.encode("latin-1") + b" " + text if self.timestamps else text
        return text if self.tty else streams.frame(line.stream, text)


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


async def _send(call: Call, options: LogOptions, find: Find, alive: Alive) -> web.StreamResponse:
    """Send what is past, then what is followed while `alive` says that more may come from the tasks of
    `find`."""
    response = web.StreamResponse()
    if call.facts.has(engine_versions.LOG_TYPES):
        kind = "raw" if options.tty or not call.at_least("1.42") else "multiplexed"
        response.headers["Content-Type"] = f"application/vnd.docker.{kind}-stream"
    else:
        response.headers["Content-Type"] = NO_TYPE
    await response.prepare(call.request)
    logs = MergedLogs(call.store, call.deps.engine, options.query, find, alive)
    async for line in logs.past(goes_on=options.follow):
        await response.write(options.shown(line))
    if options.follow:
        async for line in logs.coming():
            await response.write(options.shown(line))
    return response


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
