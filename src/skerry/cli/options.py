"""The options that every command shares: which instance is meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from skerry.cli.completion import complete_context
from skerry.model.defaults import SECOND
from skerry.model.settings import DEFAULT_DATA_DIR, DEFAULT_NAME, DEFAULT_RUN_DIR, Settings
from skerry.model.times import duration

PASSPHRASE_VARIABLE = "SKERRY_BACKUP_PASSPHRASE"


def instance_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --run-dir, --data-dir, --socket, --name and --engine; the command gets them as `settings`."""

    @click.option("--run-dir", default=DEFAULT_RUN_DIR, show_default=True, help="Sockets, logs, task files.")
    @click.option("--data-dir", default=DEFAULT_DATA_DIR, show_default=True, help="State; a private engine.")
    @click.option("--socket", default="", help="Socket of the Docker API.  [default: RUN-DIR/docker.sock]")
    @click.option("--name", default=DEFAULT_NAME, show_default=True, help="Tells instances apart.")
    @click.option(
        "--engine", default=None, envvar="DOCKER_HOST", help="unix://SOCKET of an engine, or `private`."
    )
    @wraps(command)
    def wrapped(run_dir: str, data_dir: str, socket: str, name: str, engine: str | None, **rest: Any) -> Any:
        settings = Settings(
            run_dir=str(Path(run_dir).absolute()),
            data_dir=str(Path(data_dir).absolute()),
            socket=str(Path(socket).absolute()) if socket else "",
            name=name,
            engine=engine,
        )
        return command(settings=settings, **rest)

    return wrapped


def anywhere_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same and --context, for commands that ask nothing but the API."""

    @click.option(
        "--context",
        default="",
        metavar="CONTEXT|HOST",
        shell_complete=complete_context,
        help="Another machine's skerry: a docker context, or a host such as ssh://root@server.",
    )
    @wraps(command)
    def wrapped(settings: Settings, context: str, **rest: Any) -> Any:
        return command(settings=replace(settings, context=context), **rest)

    return instance_options(wrapped)


def opening_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --identity and --passphrase-file."""
    for option in (
        click.option(
            "--passphrase-file",
            type=click.Path(dir_okay=False, exists=True),
            help=f"Has the passphrase in its first line.  [default: ${PASSPHRASE_VARIABLE}, or to be asked]",
        ),
        click.option(
            "--identity",
            "-i",
            type=click.Path(dir_okay=False, exists=True),
            help="Has an identity of age (AGE-SECRET-KEY-1…) or an ssh private key.",
        ),
    ):
        command = option(command)
    return command


def seconds(text: str, option: str = "--timeout") -> float:
    """A duration such as `1m30s`, in seconds. Raises BadParameter."""
    try:
        return duration(text) / SECOND
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error
