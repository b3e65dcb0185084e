"""`skerry logs`: the lines of all tasks in one stream, which goes on through replaced tasks and a new
skerryd."""

from __future__ import annotations

import json
import re
import time
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import click

from skerry.cli import daemon_process
from skerry.cli.client import DockerClient, Refused, UnixConnection, Unreachable
from skerry.cli.home import not_running
from skerry.model.defaults import SECOND
from skerry.model.settings import Settings
from skerry.model.times import instant, timestamp

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow")
AGAIN_S = 0.5
OVERLAP = 5 * SECOND
"""So far back is asked when a broken stream is taken up again; what was shown is left out."""

Row = dict[str, Any]


@dataclass(frozen=True)
class LogWish:
    """What the command line asks for."""

    names: tuple[str, ...]
    follow: bool
    since: str
    until: str
    since_deploy: bool
    tail: str
    grep: str
    as_json: bool
    timestamps: bool


@dataclass
class Shown:
    """What was shown already: for each task the time of its last line, and how many lines have just that."""

    latest: int = 0
    marks: dict[str, tuple[str, int]] = field(default_factory=dict)

    def note(self, row: Row) -> None:
        """A line was taken."""
        stamp, count = self.marks.get(row["id"], ("", 0))
        self.marks[row["id"]] = (row["time"], count + 1 if row["time"] == stamp else 1)
        self.latest = max(self.latest, instant(row["time"]))

    def left_out(self) -> dict[str, tuple[str, int]]:
        """What a stream that is taken up again has to leave out."""
        return dict(self.marks)


def show(settings: Settings, wish: LogWish) -> None:
    """Print them. Exits with 3 where skerry does not run, with 1 where there is no such thing."""
    if wish.follow and wish.until:
        raise click.UsageError("--until says where it ends, and --follow that it does not")
    shown = Shown()
    write = _written(wish)
    while True:
        try:
            for row in _rows(settings, wish, shown):
                write(row)
            if not wish.follow:
                return
        except Refused as error:
            raise click.ClickException(str(error)) from error
        except Unreachable as error:
            if not wish.follow and daemon_process.running_pid(settings) is None:
                not_running()
            if not wish.follow or (not shown.latest and daemon_process.running_pid(settings) is None):
                raise click.ClickException(str(error)) from error
        time.sleep(AGAIN_S)  # the next skerryd takes its socket over


def _rows(settings: Settings, wish: LogWish, shown: Shown) -> Iterator[Row]:
    """The rows that are wanted; those that were shown before are left out."""
    if daemon_process.running_pid(settings) is None and not shown.latest:
        not_running()
    again = bool(shown.latest)
    left_out = shown.left_out()
    pattern = re.compile(wish.grep)
    rows = _asked(settings, wish, shown)
    counted: dict[tuple[str, str], int] = {}

    def fresh() -> Iterator[Row]:
        for row in rows:
            if row:
                if again and _is_old(row, left_out, counted):
                    continue
                shown.note(row)
                if not pattern.search(row["line"]):
                    continue
            yield row

    yield from (
        _tailed(fresh(), wish) if wish.grep and wish.tail != "all" and not again else filter(None, fresh())
    )


def _is_old(row: Row, left_out: dict[str, tuple[str, int]], counted: dict[tuple[str, str], int]) -> bool:
    stamp, count = left_out.get(row["id"], ("", 0))
    if row["time"] != stamp:
        return bool(row["time"] < stamp)
    key = (row["id"], stamp)
    counted[key] = counted.get(key, 0) + 1
    return counted[key] <= count


def _tailed(rows: Iterator[Row], wish: LogWish) -> Iterator[Row]:
    """The last lines of those that are past, all of those that come."""
    kept: deque[Row] = deque(maxlen=int(wish.tail))
    for row in rows:
        if not row:
            break
        kept.append(row)
    yield from kept
    yield from filter(None, rows)


def _asked(settings: Settings, wish: LogWish, shown: Shown) -> Iterator[Row]:
    api = DockerClient("skerry", lambda: UnixConnection(settings.api_socket, None))
    query = {"of": ",".join(wish.names), "follow": int(wish.follow), "since-deploy": int(wish.since_deploy)}
    times = {"since": wish.since, "until": wish.until}
    if shown.latest:
        times["since"] = timestamp(shown.latest - OVERLAP)
    words = {name: text for name, text in times.items() if text}
    tail = "all" if wish.grep or shown.latest else wish.tail
    try:
        for line in api.lines(f"/skerry/logs?{urlencode({**query, **words, 'tail': tail})}"):
            yield json.loads(line)
    finally:
        api.close()


def _written(wish: LogWish) -> Any:
    """What prints rows, as the options have it; the column of tasks grows with the longest name so far."""
    width = 0

    def write(row: Row) -> None:
        nonlocal width
        if wish.as_json:
            click.echo(json.dumps(row))
            return
        width = max(width, len(row["task"]))
        at = f"{row['time']} " if wish.timestamps else ""
        name = click.style(f"{row['task']:{width}} |", fg=colour(row["service"]))
        click.echo(f"{at}{name} {row['line']}", err=False)

    return write


def colour(service: str) -> str:
    """The same for the same service each time."""
    return COLOURS[zlib.crc32(service.encode()) % len(COLOURS)]
