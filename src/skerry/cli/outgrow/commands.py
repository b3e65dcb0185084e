"""What `skerry export` and `skerry migrate` do at a terminal: options to values, errors to sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from skerry.cli import client
from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.cli.home import not_running
from skerry.cli.outgrow import export as exporting
from skerry.cli.outgrow import migrate as moving
from skerry.cli.outgrow.carry import MoveFailed
from skerry.cli.outgrow.nodes import Unsuitable
from skerry.model.defaults import SECOND
from skerry.model.settings import Settings
from skerry.model.times import duration


def export(settings: Settings, stack: str, place: str, output: str) -> None:
    """Print or write a compose file; what it needs and what it loses goes to standard error too."""
    source = _home(settings) if not place else None
    try:
        source = source or client.at(place)
        part = exporting.read_stack(source, stack)
        if output:
            exported = exporting.write(stack, part, Path(output))
            click.echo(
                f"{Path(output) / exporting.FILE}: {len(exported.file['services'])} services", err=True
            )
        else:
            text, exported = exporting.as_text(stack, part)
            click.echo(text, nl=False)
    except (exporting.NoSuchStack, exporting.Unsafe, Refused, Unreachable, OSError) as error:
        raise click.ClickException(str(error)) from error
    for kind, names in exported.needed():
        click.echo(exporting.on_one_line(f"needs {kind}: {', '.join(names)}"), err=True)
    for loss in exported.losses:
        click.echo(exporting.on_one_line(f"lost: {loss}"), err=True)


def migrate(settings: Settings, **options: Any) -> None:
    """Move; exits with what `moving.migrate` says."""
    wish = moving.MigrationRequest(
        to=options["to"],
        stacks=options["stacks"],
        places=dict(_pair(pair) for pair in options["nodes"]),
        registry=options["registry"],
        only_plan=options["only_plan"],
        stop_source=options["stop_source"],
        timeout=_seconds(options["timeout"]),
    )
    _home(settings).close()
    try:
        code = moving.migrate(settings.api_socket, wish, click.echo)
    except (Unsuitable, MoveFailed) as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(code)


def _home(settings: Settings) -> DockerClient:
    """skerry's own API. Exits with 3 where it does not run."""
    home = client.at_socket("skerry", settings.api_socket)
    try:
        home.get("/info")
    except Unreachable:
        not_running()
    except Refused as error:
        raise click.ClickException(str(error)) from error
    return home


def _pair(text: str) -> tuple[str, str]:
    node, equals, place = text.partition("=")
    if not (node and equals and place):
        raise click.BadParameter(
            f"{text}: something like node2=ssh://root@node2 is meant", param_hint="--node"
        )
    return node, place


def _seconds(text: str) -> float:
    try:
        return duration(text) / SECOND
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--timeout") from error
