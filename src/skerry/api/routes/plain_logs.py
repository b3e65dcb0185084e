"""`skerry logs`: the logs of stacks, services and tasks as lines of JSON, one object for each."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from skerry.api.call import Call
from skerry.api.merged_logs import LogLine, MergedLogs
from skerry.api.query import FLAG, TEXT
from skerry.api.route import Route, Table
from skerry.api.wanted import lines_begun, wanted_instant
from skerry.control.access import require_swarm
from skerry.control.scope.disclosure import sees
from skerry.control.scope.endpoint_access import Deploy, of
from skerry.control.subjects import subject, tasks_of
from skerry.core.view import View
from skerry.model.defaults import SECOND
from skerry.model.errors import InvalidParameter
from skerry.model.objects import Raw, Task
from skerry.model.times import instant

STREAMS = {1: "stdout", 2: "stderr", 3: "system"}
END_OF_PAST = b"{}\n"
"""Behind it comes what is followed."""


@dataclass(frozen=True)
class LogSelection:
    """Which lines are wanted. Times are nanoseconds, 0 where none is given."""

    since: int
    until: int
    since_deploy: bool
    tail: int | None

    def takes(self, view: View, line: LogLine) -> bool:
        """Whether a line is one of them."""
        at = instant(line.stamp)
        begin = _deployed(view, line.task) if self.since_deploy else 0
        return begin <= at and (not self.until or at <= self.until)


async def logs(call: Call) -> web.StreamResponse:
    """What is past of all tasks in the order of time; then, if followed, what comes, for as long as the
    client
    stays: tasks that are replaced and services that come to a stack are followed by others."""
    require_swarm(call.view)
    subjects = [subject(call.view, ref) for ref in call.query.text("of").split(",")]
    wish, follow = _wish(call), call.query.flag("follow")
    merged = MergedLogs(
        call.store,
        call.deps.engine,
        _engine_query(wish),
        lambda view: [task for task in tasks_of(view, subjects) if sees(call.role, view, task)],
        lambda view: True,
    )
    response = await lines_begun(call)
    async for line in _last(merged.past(goes_on=follow), wish, lambda: call.view):
        await response.write(_encoded(line))
    if follow:
        await response.write(END_OF_PAST)
        async for line in merged.coming():
            if wish.takes(call.view, line):
                await response.write(_encoded(line))
    return response


async def _last(
    lines: AsyncIterator[LogLine], wish: LogSelection, view: Callable[[], View]
) -> AsyncIterator[LogLine]:
    """Those of the lines that are wanted; with a tail, the last ones of all together."""
    if wish.tail is None:
        async for line in lines:
            if wish.takes(view(), line):
                yield line
        return
    kept: deque[LogLine] = deque(maxlen=wish.tail)
    async for line in lines:
        if wish.takes(view(), line):
            kept.append(line)
    for line in kept:
        yield line


def _wish(call: Call) -> LogSelection:
    return LogSelection(
        wanted_instant(call, "since"),
        wanted_instant(call, "until"),
        call.query.flag("since-deploy"),
        _tail(call.query.text("tail")),
    )


def _tail(text: str) -> int | None:
    if text in ("", "all"):
        return None
    if not text.isdecimal():
        raise InvalidParameter('tail value must be a positive integer or "all"')
    return int(text)


def _engine_query(wish: LogSelection) -> dict[str, str]:
    """A tail of all together has no more lines of one container than of all, unless the last are left out."""
    query = {"stdout": "1", "stderr": "1", "timestamps": "1"}
    query["tail"] = "all" if wish.tail is None or wish.until else str(wish.tail)
    if wish.since:
        query["since"] = f"{wish.since // SECOND}.{wish.since % SECOND:09d}"
    return query


def _deployed(view: View, task: Task) -> int:
    """When the service of a task got the spec that it has now (ns)."""
    service = view.services.get(task.service_id)
    if service is None:
        return 0
    revision = view.revision(service.id, service.revision)
    begun = service.update.started_at if service.update is not None else 0
    return max(begun, revision.created_at if revision is not None else service.created_at)


def _encoded(line: LogLine) -> bytes:
    row: Raw = {
        "time": line.stamp,
        "service": line.task.service_name,
        "task": line.task.short_name,
        "id": line.task.id,
        "stream": STREAMS.get(line.stream, "stdout"),
        "line": line.text.decode(errors="replace").removesuffix("\n").removesuffix("\r"),
    }
    return msgspec.json.encode(row) + b"\n"


_QUERY = {
    **dict.fromkeys(("of", "since", "until", "tail"), TEXT),
    **dict.fromkeys(("follow", "since-deploy"), FLAG),
}

ROUTES: Table = [Route("GET", "/skerry/logs", logs, query=_QUERY, access=of("subject", Deploy.LIST))]
