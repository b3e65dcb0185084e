"""skerry's own API, for commands that ask it something: errors become sentences and exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from skerry.cli import client, daemon_process
from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.model.settings import Settings

NOT_RUNNING = 3


@contextmanager
def home(settings: Settings) -> Iterator[DockerClient]:
    """The API of this instance. Exits with 3 where it does not run, and with 1 and its own words where it
    refuses."""
    api = connect(settings)
    try:
        yield api
    except Unreachable as error:
        if daemon_process.running_pid(settings) is None:
            not_running()
        raise click.ClickException(str(error)) from error
    except Refused as error:
        raise click.ClickException(str(error)) from error
    finally:
        api.close()


def connect(settings: Settings) -> DockerClient:
    """The same for as long as the process lives; what it refuses is the caller's to say. Exits with 3 where
    it does not run."""
    if daemon_process.running_pid(settings) is None:  # whoever connects would wait for the next daemon
        not_running()
    return client.at_socket("skerry", settings.api_socket)


def not_running() -> NoReturn:
    """Say how to start it, and exit."""
    click.echo("skerry is not running; start it with: skerry up --detach", err=True)
    raise SystemExit(NOT_RUNNING)
