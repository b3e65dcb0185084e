"""`skerry events`: what happened, in words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import click

from skerry.cli.client import DockerClient, Refused, UnixConnection, Unreachable
from skerry.cli.daemon_process import running_pid
from skerry.cli.home import not_running
from skerry.model.settings import Settings

AGAIN_S = 0.5

Row = dict[str, Any]


def show(settings: Settings, names: tuple[str, ...], *, follow: bool, as_json: bool, **wish: Any) -> None:
    """Print them. Following goes on when skerryd is started anew."""
    if running_pid(settings) is None:
        not_running()
    query = {"of": ",".join(names), "follow": int(follow), **wish, "trouble": int(wish["trouble"])}
    latest: list[Row] = []
    while True:
        try:
            for row in _fresh(_asked(settings, query), latest):
                click.echo(json.dumps(row) if as_json else in_words(row))
        except Refused as error:
            raise click.ClickException(str(error)) from error
        except Unreachable as error:
            if not follow:
                raise click.ClickException(str(error)) from error
        if not follow:
            return
        if latest:
            query |= {"since": latest[0]["time"], "tail": ""}
        time.sleep(AGAIN_S)  # the next skerryd takes its socket over


def _fresh(rows: Iterator[Row], latest: list[Row]) -> Iterator[Row]:
    """Those that were not shown before; `latest` is kept to be those of the last instant."""
    shown = list(latest)
    for row in rows:
        if row in shown:
            continue
        if latest and latest[0]["time"] != row["time"]:
            latest.clear()
        latest.append(row)
        yield row


def _asked(settings: Settings, query: dict[str, Any]) -> Iterator[Row]:
    api = DockerClient("skerry", lambda: UnixConnection(settings.api_socket, None))
    try:
        for line in api.lines(f"/skerry/events?{urlencode(query)}"):
            yield json.loads(line)
    finally:
        api.close()


def in_words(row: Row) -> str:
    """A line: the time to the second, and what happened; troubles in red where there are colours."""
    at = row["time"].partition(".")[0].removesuffix("Z").replace("T", " ")
    return f"{at}  {click.style(row['text'], fg='red' if row['trouble'] else None)}"
