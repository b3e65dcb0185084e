"""The commands for stacks: their words and options. What they do is loaded when one is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import get_completion_class

from skerry.cli.completion import complete_place, complete_service, complete_stack
from skerry.cli.options import anywhere_options, seconds
from skerry.model.settings import Settings

_JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")
_TIMEOUT = click.option("--timeout", default="10m", show_default=True, help="How long to wait for it.")
_PLACES = click.argument(
    "places", nargs=-1, required=True, metavar="STACK[/SERVICE]…", shell_complete=complete_place
)
_DETACH = click.option("--detach", "-d", is_flag=True, help="Return once it has begun.")


def _waiting(command: Callable[..., Any]) -> Callable[..., Any]:
    """How what takes a while is waited for, and shown."""
    return _DETACH(_TIMEOUT(_JSON(command)))


@click.command()
@click.argument("stack", required=False, default="", shell_complete=complete_stack)
@click.option(
    "--file", "-f", "files", multiple=True, metavar="FILE", help="As of docker compose; - is stdin."
)
@click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Instead of .env.")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="Services of this profile too.")
@click.option("--build", is_flag=True, help="Build the images of services with build: first.")
@click.option(
    "--plan", "only_plan", is_flag=True, help="Only show what would be done. Exit 2 if there is any."
)
@click.option(
    "--atomic/--no-atomic", default=True, show_default=True, help="Where one service fails, take all back."
)
@click.option(
    "--prune/--no-prune", default=False, show_default=True, help="Remove what the file has no more."
)
@click.option(
    "--registry-auth/--no-registry-auth",
    default=True,
    show_default=True,
    help="Send the docker CLI's credentials for the images' registries.",
)
@click.option("--follow", is_flag=True, help="Deploy nothing: watch the release that is under way.")
@click.option("--message", "-m", default="", help="Kept with the release.")
@_waiting
@anywhere_options
def deploy(settings: Settings, stack: str, follow: bool, **wish: Any) -> None:
    """Deploy a compose file as STACK (by default, as the project's own name), and wait until it runs.

    \b
    Exit 0 once everything runs, or there is nothing to do;
         2 with --plan, if there is something to do;
         3 if skerry does not run;
         4 if the file, or what it needs, is not as it should be: nothing was changed;
         5 if it failed and was rolled back;
         6 if it failed and stands still; 8 if it failed otherwise;
         7 if it is not over within --timeout, and 130 when interrupted: it goes on;
         9 if another release took its place.
    """
    from skerry.cli.compose.project import ProjectRequest
    from skerry.cli.deploy import deploying

    timeout = seconds(wish.pop("timeout"))
    if follow:
        if not stack:
            raise click.UsageError("--follow needs the name of a stack")
        raise SystemExit(deploying.attach(settings, stack, as_json=wish["as_json"], timeout=timeout))
    files = wish.pop("files")
    project = ProjectRequest(
        files, wish.pop("env_files"), wish.pop("profiles"), stack, deploying.standard_input(files)
    )
    raise SystemExit(deploying.deploy(settings, deploying.DeployRequest(project, timeout=timeout, **wish)))


@click.command()
@_JSON
@anywhere_options
def stacks(settings: Settings, as_json: bool) -> None:
    """List the stacks, and how each stands."""
    from skerry.cli.deploy import listing

    listing.stacks(settings, as_json=as_json)


@click.command()
@click.argument("stack", required=False, default="", shell_complete=complete_stack)
@_JSON
@anywhere_options
def ps(settings: Settings, stack: str, as_json: bool) -> None:
    """List the services of STACK, or of all stacks, and why one is not as it should be."""
    from skerry.cli.deploy import listing

    listing.ps(settings, stack, as_json=as_json)


@click.command()
@click.argument("stacks", nargs=-1, required=True, metavar="STACK…", shell_complete=complete_stack)
@anywhere_options
def rm(settings: Settings, stacks: tuple[str, ...]) -> None:
    """Remove STACKs: services, then networks, configs and secrets. Volumes stay."""
    from skerry.cli.deploy import changing

    changing.remove(settings, stacks)


@click.command()
@click.argument(
    "wishes", nargs=-1, required=True, metavar="STACK/SERVICE=REPLICAS…", shell_complete=complete_service
)
@anywhere_options
def scale(settings: Settings, wishes: tuple[str, ...]) -> None:
    """Set how many replicas services have."""
    from skerry.cli.deploy import changing

    changing.scale(settings, wishes)


@click.command()
@click.argument("stack", shell_complete=complete_stack)
@click.argument("older", required=False, type=int, metavar="[N]")
@click.argument("newer", required=False, type=int, metavar="[M]")
@_JSON
@anywhere_options
def diff(settings: Settings, stack: str, older: int | None, newer: int | None, as_json: bool) -> None:
    """Show what changed between the releases N and M of STACK; by default, what the last one changed.

    Exit 0 if nothing did, 2 if something did.
    """
    from skerry.cli.deploy import release_diff

    raise SystemExit(release_diff.diff(settings, stack, older, newer, as_json=as_json))


@click.command()
@click.argument("subject", metavar="STACK|SERVICE", shell_complete=complete_stack)
@_JSON
@anywhere_options
def history(settings: Settings, subject: str, as_json: bool) -> None:
    """List the releases of a stack, or the revisions of a service, that are kept, the newest last.

    * is what is there now.
    """
    from skerry.cli.deploy import history as telling

    telling.show(settings, subject, as_json=as_json)


@click.command()
@click.argument("subject", metavar="STACK|SERVICE", shell_complete=complete_stack)
@click.option(
    "--to", type=click.IntRange(1), default=None, metavar="N", help="As numbered by skerry history."
)
@click.option(
    "--plan", "only_plan", is_flag=True, help="Only show what would be done. Exit 2 if there is any."
)
@click.option(
    "--atomic/--no-atomic",
    default=True,
    show_default=True,
    help="Of a stack: where one service fails, take all back.",
)
@_waiting
@anywhere_options
def rollback(settings: Settings, subject: str, timeout: str, **wish: Any) -> None:
    """Make a stack or a service again what it was, by default before what is there now, as a rolling update.

    The exit codes are those of skerry deploy.
    """
    from skerry.cli.deploy import back

    raise SystemExit(
        back.roll_back(settings, subject, back.RollbackRequest(timeout=seconds(timeout), **wish))
    )


@click.command()
@_PLACES
@anywhere_options
def restart(settings: Settings, places: tuple[str, ...]) -> None:
    """Replace all tasks of a stack or a service, rolling as its update would."""
    from skerry.cli.deploy import changing

    changing.restart(settings, places)


@click.command()
@_PLACES
@_waiting
@anywhere_options
def stop(settings: Settings, timeout: str, **wish: Any) -> None:
    """Stop stacks or services: nothing of them runs until they are started, and who connects is refused at
    once. Names, addresses, ports and specs stay.

    \b
    Exit 0 once nothing of them runs;
         1 if skerry refuses, 3 if it does not run;
         7 if it is not over within --timeout, and 130 when interrupted: it goes on;
         9 if one was started again meanwhile.
    """
    from skerry.cli.deploy import stop_and_start

    request = stop_and_start.HaltRequest(timeout=seconds(timeout), **wish)
    raise SystemExit(stop_and_start.stop(settings, request))


@click.command()
@_PLACES
@_waiting
@anywhere_options
def start(settings: Settings, timeout: str, **wish: Any) -> None:
    """Start stacks or services that are stopped, and what they need, in their order.

    \b
    Exit 0 once each is ready;
         1 if skerry refuses, 3 if it does not run; 8 if one failed;
         7 if it is not over within --timeout, and 130 when interrupted: it goes on;
         9 if one was stopped again meanwhile.
    """
    from skerry.cli.deploy import stop_and_start

    request = stop_and_start.HaltRequest(timeout=seconds(timeout), **wish)
    raise SystemExit(stop_and_start.start(settings, request))


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--tty/--no-tty", "-t/-T", default=None, help="A terminal.  [default: if there is one]")
@click.option("--user", "-u", default="", help="Instead of the container's own.")
@anywhere_options
@click.argument("place", metavar="STACK/SERVICE[.SLOT]", shell_complete=complete_service)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(settings: Settings, place: str, command: tuple[str, ...], tty: bool | None, user: str) -> None:
    """Run COMMAND in a container of a service that runs; the exit code is the command's."""
    from skerry.cli.deploy import inside

    inside.execute(settings, place, command, tty=tty, user=user)


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@anywhere_options
@click.argument("place", metavar="STACK/SERVICE", shell_complete=complete_service)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(settings: Settings, place: str, command: tuple[str, ...]) -> None:
    """Run a task of its own with the spec of a service, show what it says; the exit code is the task's."""
    from skerry.cli.deploy import inside

    raise SystemExit(inside.run(settings, place, command))


@click.group()
def config() -> None:
    """The versions of configs."""


@click.group()
def secret() -> None:
    """The versions of secrets."""


@click.command("history")
@click.argument("wanted", metavar="NAME")  # --name is the instance's
@_JSON
@anywhere_options
@click.pass_context
def versions(context: click.Context, settings: Settings, wanted: str, as_json: bool) -> None:
    """List the versions of NAME that are kept, the newest last, and who uses each.

    * is the one that its name means.
    """
    from skerry.cli.deploy import versions as telling

    assert context.parent is not None
    telling.show(settings, str(context.parent.info_name), wanted, as_json=as_json)


for _group in (config, secret):
    _group.add_command(versions)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what completes commands, stacks and services in a shell: eval "$(skerry completion bash)"."""
    kind = get_completion_class(shell)
    assert kind is not None
    root = click.get_current_context().find_root()
    click.echo(kind(root.command, {}, "skerry", "_SKERRY_COMPLETE").source())


COMMANDS = {
    "deploy": deploy,
    "stacks": stacks,
    "ps": ps,
    "rm": rm,
    "scale": scale,
    "diff": diff,
    "history": history,
    "rollback": rollback,
    "config": config,
    "secret": secret,
    "restart": restart,
    "stop": stop,
    "start": start,
    "exec": exec_,
    "run": run,
    "completion": completion,
}
"""By the words that they are called by."""
