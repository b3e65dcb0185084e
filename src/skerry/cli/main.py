"""The skerry command."""

from __future__ import annotations

import os
from typing import Any

import click

from skerry import __version__
from skerry.cli import daemon_process, systemd
from skerry.cli.context import create_context, remove_context
from skerry.cli.options import anywhere_options, instance_options, opening_options
from skerry.cli.purge import confirm, kept
from skerry.cli.stack_commands import COMMANDS
from skerry.cli.status import show
from skerry.cli.users import audit, serve, user
from skerry.model.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="skerry")
def main() -> None:
    """All of Docker Swarm mode on one server, and an update that nobody notices."""


@main.command()
@instance_options
@click.option("--detach", "-d", is_flag=True, help="Go to the background once it answers.")
@click.option("--install", is_flag=True, help="Write a systemd unit, enable it and start it.")
@click.option(
    "--adopt-engine",
    "adopt",
    is_flag=True,
    help="Go on with another engine than the one that has the swarm's tasks, images and volumes.",
)
def up(settings: Settings, detach: bool, install: bool, adopt: bool) -> None:
    """Start skerry; without an option, in the foreground.

    With --detach or --install it returns once the API answers, or with exit 1 and the reason.
    """
    _need_root()
    if install:
        _make_room(settings)
    elif pid := daemon_process.running_pid(settings):
        raise click.ClickException(f"skerry is already running (process {pid}, {settings.api_socket})")
    if adopt:
        daemon_process.run(settings, "adopt")
    if install:
        done = systemd.install(settings)
        create_context(settings)
        click.echo(done)
    elif detach:
        pid = daemon_process.start_detached(settings)
        create_context(settings)
        click.echo(f"skerry is up (process {pid}): docker --context {settings.name} …")
    else:
        create_context(settings)
        argv = daemon_process.command(settings, "up")
        os.execv(argv[0], argv)


def _make_room(settings: Settings) -> None:
    """End a daemon that the unit takes the place of; its tasks go on."""
    systemd.stop(settings)
    if systemd.running() and (pid := daemon_process.running_pid(settings)):
        daemon_process.stop(pid)


@main.command()
@instance_options
@click.option("--purge", is_flag=True, help="Remove all state too, a private engine's images included.")
@click.option("--volumes", is_flag=True, help="With --purge: remove named volumes, too.")
@click.option("--yes", "-y", is_flag=True, help="Purge without asking.")
def down(settings: Settings, purge: bool, volumes: bool, yes: bool) -> None:
    """Stop skerry, its tasks and its network; `skerry up` brings them back, unless purged.

    A purge lists what goes for good and asks; where there is no terminal to ask on, it needs --yes.
    """
    _need_root()
    if volumes and not purge:
        raise click.UsageError("--volumes goes with --purge only")
    if purge and not yes:
        confirm(settings, volumes=volumes)
    systemd.stop(settings)
    if pid := daemon_process.running_pid(settings):
        daemon_process.stop(pid)
    options = [*(["--purge"] if purge else []), *(["--volumes"] if volumes else [])]
    daemon_process.run(settings, "down", *options)
    if not purge:
        click.echo("skerry is down")
        return
    systemd.remove(settings)
    remove_context(settings)
    left = kept(settings)
    click.echo(f"skerry is down{left or ', and nothing of it is left'}")


@main.command()
@instance_options
@click.option("--json", "as_json", is_flag=True, help="The whole of it, for programs.")
def status(settings: Settings, as_json: bool) -> None:
    """Show what runs, and what the daemon thinks about it.

    \b
    Exit 0 if all is as it should be;
         1 if something is not: a service has too few tasks, an update is paused, a warning of
           something that is broken stands, the swarm is locked, or skerry is still starting;
         3 if skerry does not run, or failed to start.
    """
    raise SystemExit(show(settings, as_json=as_json))


@main.command()
@click.argument("subject", metavar="STACK|SERVICE|TASK")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@anywhere_options
def why(settings: Settings, subject: str, as_json: bool) -> None:
    """Say why a stack, a service or a task is as it is: the most probable cause first, what it is known
    by, and
    what to do."""
    from skerry.cli import why as asking

    asking.show(settings, subject, as_json=as_json)


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="STACK|SERVICE|TASK…")
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, through replaced tasks.")
@click.option("--since", default="", help="From an instant on: 10m, 2026-11-28T12:00:00Z.")
@click.option("--until", default="", help="Up to an instant.")
@click.option("--since-deploy", is_flag=True, help="From each service's last deployment on.")
@click.option("--tail", "-n", default="all", help="So many lines of all together.  [default: all]")
@click.option("--grep", default="", metavar="REGEX", help="Only lines that match; --tail counts these.")
@click.option("--timestamps", "-t", is_flag=True, help="The time before each line.")
@click.option("--json", "as_json", is_flag=True, help="An object for each line.")
@instance_options
def logs(settings: Settings, **wish: Any) -> None:
    """Print the logs of stacks, services and tasks as one stream in the order of time."""
    from skerry.cli import logs as printing

    printing.show(settings, printing.LogWish(**wish))


@main.command()
@click.argument("names", nargs=-1, metavar="[STACK|SERVICE|TASK]…")
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens.")
@click.option("--since", default="", help="From an instant on: 10m, 2026-11-28T12:00:00Z.")
@click.option("--until", default="", help="Up to an instant.")
@click.option("--tail", "-n", default="", help="The last ones only.")
@click.option("--kind", default="", metavar="KIND,…", help="failed, ready, update, service, pending, node, …")
@click.option("--trouble", is_flag=True, help="Only what nobody wished.")
@click.option("--json", "as_json", is_flag=True, help="An object for each.")
@instance_options
def events(settings: Settings, names: tuple[str, ...], **wish: Any) -> None:
    """Tell what happened, in words and with causes: the last 10,000 events, of these or of all."""
    from skerry.cli import events as telling

    telling.show(settings, names, **wish)


@main.command()
@click.option("--keep", type=click.IntRange(1), help="So many revisions and releases of each stay at most.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--force", "-f", is_flag=True, help="Do not prompt for confirmation.")
@instance_options
def prune(settings: Settings, keep: int | None, dry_run: bool, force: bool) -> None:
    """Remove what nothing that is kept needs: old revisions and releases, and the images, configs and secrets
    that only they used."""
    from skerry.cli import prune as pruning

    pruning.prune(settings, keep=keep, only_plan=dry_run, force=force)


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


@main.command()
@click.argument("file")
@click.option("--verify", is_flag=True, help="Only check that FILE is whole and opens with this skerry.")
@click.option("--volumes", is_flag=True, help="With the content of the services' volumes.")
@click.option("--images", is_flag=True, help="With the images that no registry has.")
@click.option("--stack", "stacks", multiple=True, help="Volumes and images of this stack only.")
@click.option("--quiesce", is_flag=True, help="Writers to the volumes stand still for the end of their copy.")
@click.option("--freeze", default="10s", show_default=True, help="The longest time for which they may.")
@click.option(
    "--recipient", "-r", "recipients", multiple=True, help="Encrypt for age1… or an ssh public key."
)
@click.option("--passphrase", is_flag=True, help="Encrypt with a passphrase.")
@click.option("--without-key", is_flag=True, help="Leave out the key of secrets, and what they are with it.")
@click.option("--unencrypted", is_flag=True, help="With the key of secrets, though FILE is not encrypted.")
@opening_options
@instance_options
def backup(
    settings: Settings,
    file: str,
    verify: bool,
    recipients: tuple[str, ...],
    passphrase: bool,
    passphrase_file: str | None,
    identity: str | None,
    **wish: Any,
) -> None:
    """Write the whole state into FILE (-: standard output), while skerry runs."""
    from skerry.cli.backup import commands, encryption_options

    if verify:
        commands.verify(settings, file, encryption_options.opener(identity, passphrase_file))
    else:
        locking = encryption_options.Locking(recipients, passphrase, passphrase_file)
        commands.backup(settings, file, locking, commands.BackupOptions(**wish))


@main.command()
@click.argument("file")
@click.argument("stack", default="")
@click.option("--key", type=click.Path(dir_okay=False, exists=True), help="The secret.key kept beside FILE.")
@opening_options
@instance_options
def restore(
    settings: Settings,
    file: str,
    stack: str,
    key: str | None,
    passphrase_file: str | None,
    identity: str | None,
) -> None:
    """Restore the backup in FILE into an empty data directory, before skerry starts; or one STACK of it into
    a running skerry."""
    from skerry.cli.backup import commands, encryption_options

    if not stack:
        _need_root()
    commands.restore(settings, file, stack, encryption_options.opener(identity, passphrase_file), key)


for _command in (user, serve, audit):
    main.add_command(_command)
for _name, _command in COMMANDS.items():
    main.add_command(_command, _name)


def _need_root() -> None:
    if os.geteuid() != 0:
        raise click.ClickException("skerry needs root: it makes network namespaces and kernel rules")


if __name__ == "__main__":
    main()
