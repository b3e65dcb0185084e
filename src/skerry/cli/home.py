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
        if not settings.context and daemon_process.running_pid(settings) is None:
            not_running()
        raise click.ClickException(str(error)) from error
    except Refused as error:
        raise click.ClickException(str(error)) from error
    finally:
        api.close()


def connect(settings: Settings, *, of_any: bool = False) -> DockerClient:
    """The same for as long as the process lives; what it refuses is the caller's to say. Exits with 3 where
    it does not run. With a context it is what answers there, which has to be skerry too, unless the command
    asks what `any` Docker Engine knows. Raises ClickException."""
    if settings.context:
        return _elsewhere(settings.context, of_any=of_any)
    if daemon_process.running_pid(settings) is None:  # whoever connects would wait for the next daemon
        not_running()
    return client.at_socket("skerry", settings.api_socket)


def endless(settings: Settings) -> DockerClient:
    """The same API for answers that pause for as long as they like, once it is known to be there."""
    if settings.context:
        return client.at(settings.context, timeout=None)
    return client.at_socket("skerry", settings.api_socket, timeout=None)


def _elsewhere(place: str, *, of_any: bool) -> DockerClient:
    try:
        api = client.at(place)
        version = str(api.get("/version")["Version"])
        if of_any or api.find("/skerry/stacks") is not None:
            return api
    except Unreachable as error:
        raise click.ClickException(str(error)) from error
    except Refused as error:
        raise click.ClickException(f"{place}: {error}") from error
    api.close()
    raise click.ClickException(
        f"{place} is Docker {version} without skerry, and knows no stacks as a whole, releases and the like. "
        f"There, docker {' '.join(client.words_to(place))} stack deploy takes the file that skerry export "
        "writes; skerry scale, restart, run and exec work there, too"
    )


def not_running() -> NoReturn:
    """Say how to start it, and exit."""
    click.echo("skerry is not running; start it with: skerry up --detach", err=True)
    raise SystemExit(NOT_RUNNING)
