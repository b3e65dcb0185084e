"""`skerry stacks` and `skerry ps`: how stacks and their services stand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from urllib.parse import quote

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from skerry.cli.deploy.changing import sentences
from skerry.cli.home import connect
from skerry.model.objects import Raw
from skerry.model.settings import Settings

STYLES = {"converged": "green", "failed": "red", "rolled back": "red", "paused": "red", "stopped": "dim"}


def stacks(settings: Settings, *, as_json: bool) -> None:
    """Every stack."""
    with sentences():
        rows = connect(settings).get("/skerry/stacks")
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    _print(
        ("NAME", "SERVICES", "RELEASE", "STATE", "UPDATED"),
        (
            (
                row["Name"],
                str(row["Services"]),
                str(row["Release"] or "-"),
                _state(row),
                _second(row.get("Updated")),
            )
            for row in rows
        ),
    )


def ps(settings: Settings, stack: str, *, as_json: bool) -> None:
    """The services of a stack, or of all."""
    api = connect(settings)
    with sentences():
        names = [stack] if stack else [row["Name"] for row in api.get("/skerry/stacks")]
        rows = [api.get(f"/skerry/stacks/{quote(name)}") for name in names]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    services = [service for row in rows for service in row["Services"]]
    _print(
        ("NAME", "MODE", "READY", "STATE", "IMAGE", "PORTS"),
        (
            (
                service["Name"],
                service["Mode"],
                f"{service['Ready']}/{service['Wanted']}",
                _state(service),
                str(service["Image"]).partition("@")[0],
                _ports(service.get("Ports")),
            )
            for service in services
        ),
    )
    for service in services:
        if service.get("Note"):
            click.echo(f"{service['Name']}: {service['Note']}")


def _state(row: Raw) -> Text:
    state = str(row["State"])
    return Text(state, style=STYLES.get(state, "yellow"))


def _second(instant: object) -> str:
    """An instant without its fraction."""
    return str(instant or "").partition(".")[0].rstrip("Z").replace("T", " ")


def _ports(ports: object) -> str:
    """As the docker CLI shows them."""
    if not isinstance(ports, list):
        return str(ports or "")
    return ", ".join(
        port
        if isinstance(port, str)
        else f"*:{port.get('PublishedPort')}->{port.get('TargetPort')}/{port.get('Protocol')}"
        for port in ports
    )


def _print(head: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    table = Table(box=None, pad_edge=False, show_header=True, header_style="")
    for name in head:
        table.add_column(name, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = 1000  # a pipe has no edge to fold at
    console.print(table)
