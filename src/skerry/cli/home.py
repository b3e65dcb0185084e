"""skerry's own API, for commands that need it."""

from __future__ import annotations

import click

from skerry.cli import client
from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.model.settings import Settings

NOT_RUNNING = 3


def home(settings: Settings) -> DockerClient:
    """The client. Exits with 3 where skerry does not run."""
    api = client.at_socket("skerry", settings.api_socket)
    try:
        api.get("/info")
    except Unreachable:
        click.echo("skerry is not running; start it with: skerry up --detach", err=True)
        raise SystemExit(NOT_RUNNING) from None
    except Refused as error:
        raise click.ClickException(str(error)) from error
    return api
