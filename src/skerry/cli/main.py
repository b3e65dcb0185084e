"""The skerry command."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import click

from skerry import __version__
from skerry.cli import daemon_process, systemd
from skerry.cli.context import create_context, remove_context
from skerry.cli.options import instance_options
from skerry.model.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="skerry")
def main() -> None:
    """Everything of Docker Swarm mode for one server, and an update that nobody notices."""


@main.command()
@instance_options
@click.option("--detach", "-d", is_flag=True, help="Go to the background once it answers.")
@click.option("--install", is_flag=True, help="Write a systemd unit, enable it and start it.")
def up(settings: Settings, detach: bool, install: bool) -> None:
    """Start skerry; without an option, in the foreground."""
    _need_root()
    if install:
        click.echo(systemd.install(settings))
        create_context(settings)
        return
    if pid := daemon_process.running_pid(settings):
        raise click.ClickException(f"skerry is already running (process {pid}, {settings.api_socket})")
    if detach:
        pid = daemon_process.start_detached(settings)
        create_context(settings)
        click.echo(f"skerry is up (process {pid}): docker --context {settings.name} …")
    else:
        create_context(settings)
        argv = daemon_process.command(settings, "up")
        os.execv(argv[0], argv)


@main.command()
@instance_options
@click.option("--purge", is_flag=True, help="Remove all state too, a private engine's images included.")
def down(settings: Settings, purge: bool) -> None:
    """Stop skerry, its tasks and its network; `skerry up` brings them back, unless purged."""
    _need_root()
    systemd.stop(settings)
    if pid := daemon_process.running_pid(settings):
        daemon_process.stop(pid)
    argv = daemon_process.command(settings, "down", *(["--purge"] if purge else []))
    if subprocess.run(argv, check=False).returncode:
        raise SystemExit(1)
    if purge:
        systemd.remove(settings)
        remove_context(settings)
    click.echo("skerry is down" + (", and nothing of it is left" if purge else ""))


@main.command()
@instance_options
def status(settings: Settings) -> None:
    """Show what runs, and what the daemon thinks about it. Exit 3 if skerry does not run."""
    found = daemon_process.ask(settings, "/skerry/status")
    if not isinstance(found, dict):
        click.echo("skerry is not running; start it with: skerry up --detach", err=True)
        raise SystemExit(3)
    _show(settings, found)


@main.command()
@click.argument("stack")
@click.option(
    "--from", "place", default="", help="A docker context or host to export from.  [default: skerry]"
)
@click.option("--output", "-o", default="", help="A folder for the file and the stack's configs.")
@instance_options
def export(settings: Settings, stack: str, place: str, output: str) -> None:
    """Print STACK as a compose file for `docker stack deploy`, or write it to a folder."""
    from skerry.cli.outgrow import commands  # these two take longer to load than the others to run

    commands.export(settings, stack, place, output)


@main.command()
@click.argument("stacks", nargs=-1, metavar="[STACK]…")
@click.option("--to", required=True, metavar="CONTEXT|HOST", help="A manager of the swarm to move to.")
@click.option(
    "--plan", "only_plan", is_flag=True, help="Only say what would be done. Exit 2 if there is any."
)
@click.option("--node", "nodes", multiple=True, metavar="NODE=CONTEXT|HOST", help="Where a node's engine is.")
@click.option(
    "--registry", default="", help="Push images there that no registry has, instead of copying them."
)
@click.option("--timeout", default="5m", show_default=True, help="How long services may take to run there.")
@click.option("--stop-source", is_flag=True, help="Stop the services here once they run there.")
@instance_options
def migrate(settings: Settings, **wish: Any) -> None:
    """Move STACKs, or everything, to a Docker Swarm cluster; repeat it to move what has changed."""
    from skerry.cli.outgrow import commands

    commands.migrate(settings, **wish)


def _show(settings: Settings, found: dict[str, Any]) -> None:
    engine = found["engine"]
    kind = "private" if engine["embedded"] else "the host's"
    click.echo(f"skerry {found['version']}, process {found['pid']}")
    click.echo(f"api     {settings.api_socket}")
    click.echo(f"engine  {engine['socket']} ({kind}, Docker {found['engine_version']})")
    hint = "; unlock it with: docker swarm unlock" if found["swarm"] == "locked" else ""
    click.echo(f"swarm   {found['swarm']}{hint}")
    for warning in found["warnings"]:
        click.echo(f"warning {warning}")
    for service in found["services"]:
        note = f"  {service['note']}" if service["note"] else ""
        click.echo(f"service {service['name']}  {service['running']}/{service['desired']}{note}")


def _need_root() -> None:
    if os.geteuid() != 0:
        raise click.ClickException("skerry needs root: it makes network namespaces and kernel rules")


if __name__ == "__main__":
    main()
