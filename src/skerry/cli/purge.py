"""`skerry down --purge` asks first: it lists what goes for good."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from skerry.cli import daemon_process
from skerry.model.settings import Settings

KINDS = ("services", "secrets", "configs", "networks", "images")
SHOWN = 20
"""Names of a kind that are listed; whoever has more knows which they are."""


def confirm(settings: Settings, *, volumes: bool) -> None:
    """List what a purge removes and ask whether it is meant; without a terminal to ask on, refuse."""
    goods: dict[str, list[str]] = json.loads(daemon_process.run(settings, "inventory"))
    click.echo("This removes for good:")
    for line in _lines(goods, volumes=volumes):
        click.echo(f"  {line}")
    if not sys.stdin.isatty():
        raise click.ClickException("nothing was removed, as nobody can be asked here: add --yes")
    click.confirm("Go on?", abort=True)


def _lines(goods: dict[str, list[str]], *, volumes: bool) -> list[str]:
    lines = [f"{kind:9} {_some(goods[kind])}" for kind in KINDS if goods.get(kind)]
    if goods["volumes"] and volumes:
        lines.append(f"{'volumes':9} {_some(goods['volumes'])}")
    elif goods["volumes"]:
        lines.append(f"and not the volumes {_some(goods['volumes'])}: these go with --volumes only")
    return lines or ["the state of a swarm without services"]


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def kept(settings: Settings) -> str:
    """What is to be said of volumes that a purge has left; empty where there are none."""
    place = Path(settings.data_dir, "engine", "volumes")
    if not place.is_dir():
        return ""
    again = f"skerry up --engine private --data-dir {settings.data_dir}"
    return f"; the volumes of its engine are still in {place}, and this has them again: {again}"
