"""`skerry status`: what runs, in words or as JSON; the exit code tells whether all is as it should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from skerry.cli import daemon_process
from skerry.model.settings import Settings

FINE, AMISS, DOWN = 0, 1, 3
GIB = 1 << 30


def show(settings: Settings, *, as_json: bool) -> int:
    """Print it; the exit code."""
    status = _status(settings)
    if as_json:
        click.echo(json.dumps(status, indent=2))
    else:
        _print(settings, status)
    if status["state"] != "up":
        return AMISS if status["state"] == "starting" else DOWN
    return AMISS if status["problems"] else FINE


def _status(settings: Settings) -> dict[str, Any]:
    """The daemon's own view of itself, or what there is to say where it does not answer."""
    status = daemon_process.status_of(settings)
    if status is not None:
        return {"state": "up", **status}
    why = daemon_process.failure(settings)
    past = {"why": why} if why else {}
    if pid := daemon_process.running_pid(settings):
        return {"state": "starting", "pid": pid, **past}
    return {"state": "failed" if why else "down", **past}


def _print(settings: Settings, status: dict[str, Any]) -> None:
    match status["state"]:
        case "up":
            _print_up(settings, status)
        case "starting":
            past = f"; before, it failed: {status['why']}" if "why" in status else ""
            click.echo(f"skerry is starting (process {status['pid']}), no answer yet{past}", err=True)
        case "failed":
            click.echo(f"skerry is not running; it failed: {status['why']}", err=True)
        case _:
            click.echo("skerry is not running; start it with: skerry up --detach", err=True)


def _print_up(settings: Settings, status: dict[str, Any]) -> None:
    """All that a daemon that runs says of itself, one thing a line, what needs somebody last."""
    engine = status["engine"]
    kind = "private" if engine["embedded"] else "the host's"
    click.echo(f"skerry {status['version']}, process {status['pid']}")
    click.echo(f"api     {settings.api_socket}")
    click.echo(f"engine  {engine['socket']} ({kind}, Docker {status['engine_version']})")
    hint = "; unlock it with: docker swarm unlock" if status["swarm"] == "locked" else ""
    click.echo(f"swarm   {status['swarm']}{hint}")
    disks = (line for key in ("disk", "engine_disk") for line in _of_disk(status.get(key)))
    for line in (*_of_node(status.get("node")), *disks):
        click.echo(line)
    for warning in status["warnings"]:
        click.echo(f"warning {warning}")
    for service in status["services"]:
        note = f"  {service['note']}" if service["note"] else ""
        click.echo(f"service {service['name']}  {service['running']}/{service['desired']}{note}")
    for stack in status.get("stacks", ()):
        click.echo(f"stack   {stack['name']}  {stack['well']} of {stack['services']} services are well")
    for text in status.get("now", ()):
        click.echo(f"now     {text}")
    for need in status.get("attention", ()):
        click.echo(f"look    {need['of']}: {need['sentence']}")
        click.echo(f"        → {need['command']}")


def _of_node(node: dict[str, Any] | None) -> Iterator[str]:
    if node:
        memory = node["memory"] / GIB
        yield (
            f"node    {node['hostname']} ({node['availability']}), {node['cpus']:g} CPUs, "
            f"{memory:.1f} GiB of memory, {node['tasks']} tasks"
        )


def _of_disk(disk: dict[str, Any] | None) -> Iterator[str]:
    if disk and "total" in disk:
        free, total = disk["free"] / GIB, disk["total"] / GIB
        yield f"disk    {disk['path']}: {free:.1f} of {total:.1f} GiB are free"
