"""`skerry history`: the releases of a stack, or the revisions of a service, a line each."""

from __future__ import annotations

import json
from collections.abc import Callable

import click

from skerry.cli.deploy.changing import sentences
from skerry.cli.deploy.subjects import subject
from skerry.cli.home import connect
from skerry.cli.printable import on_one_line
from skerry.model.objects import Raw
from skerry.model.settings import Settings

HEAD = ("NUMBER", "WHEN", "BY", "ENDED", "CHANGED")


def show(settings: Settings, name: str, *, as_json: bool) -> None:
    """Print it."""
    api = connect(settings)
    with sentences():
        chosen = subject(api, name)
        rows = api.get(f"{chosen.path}/{'releases' if chosen.is_stack else 'revisions'}")
    print_rows(rows, HEAD, cells, as_json=as_json)


def print_rows(
    rows: list[Raw], head: tuple[str, ...], cells_of: Callable[[Raw], tuple[str, ...]], *, as_json: bool
) -> None:
    """As a table below a head, or a line of JSON each."""
    lines = map(json.dumps, rows) if as_json else table([head, *map(cells_of, rows)])
    for line in lines:
        click.echo(line)


def cells(row: Raw) -> tuple[str, ...]:
    """What stands in the columns for one of them."""
    number = f"{row['Number']}{'*' if row['Current'] else ''}"
    message = f" ({row['Message']})" if row.get("Message") else ""
    return number, instant(row["At"]), row["By"] or "-", ended(row["Outcome"]), f"{row['Changes']}{message}"


def instant(at: str) -> str:
    """A time of the API as people read it, to the second."""
    return at.partition(".")[0].replace("T", " ").removesuffix("Z")


def ended(outcome: Raw) -> str:
    """`converged in 3.1 s`, `rolled back: why`."""
    state = str(outcome["State"])
    if state == "converged":
        return f"converged in {outcome['Seconds']:.1f} s"
    reason = on_one_line(outcome["Reason"])
    return f"{state or 'unknown'}: {reason}" if reason else state or "unknown"


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """The rows as lines, their columns one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
