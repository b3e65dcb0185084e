"""What `skerry export` and `skerry migrate` do at a terminal: options to values, errors to sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from skerry.cli import client
from skerry.cli.client import Refused, Unreachable
from skerry.cli.home import connect
from skerry.cli.options import seconds
from skerry.cli.outgrow import export as exporting
from skerry.cli.outgrow import migrate as moving
from skerry.cli.outgrow.carry import MoveFailed
from skerry.cli.outgrow.cluster_nodes import Unsuitable
from skerry.cli.printable import on_one_line
from skerry.model.settings import Settings


def export(settings: Settings, stack: str, place: str, output: str) -> None:
    """Print or write a compose file; what it needs and what it loses goes to standard error too."""
    source = connect(settings) if not place else None
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
        click.echo(on_one_line(f"needs {kind}: {', '.join(names)}"), err=True)
    for loss in exported.losses:
        click.echo(on_one_line(f"lost: {loss}"), err=True)


def migrate(settings: Settings, **options: Any) -> None:
    """Move; exits with what `moving.migrate` says."""
    wish = moving.MigrationRequest(
        to=options["to"],
        stacks=options["stacks"],
        places=dict(_pair(pair) for pair in options["nodes"]),
        registry=options["registry"],
        only_plan=options["only_plan"],
        stop_source=options["stop_source"],
        timeout=seconds(options["timeout"]),
    )
    connect(settings).close()
    try:
        code = moving.migrate(settings.api_socket, wish, click.echo)
    except (Unsuitable, MoveFailed) as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(code)


def _pair(text: str) -> tuple[str, str]:
    node, equals, place = text.partition("=")
    if not (node and equals and place):
        raise click.BadParameter(
            f"{text}: something like node2=ssh://root@node2 is meant", param_hint="--node"
        )
    return node, place
