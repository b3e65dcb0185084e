"""`skerry prune`: what nothing that is kept needs is forgotten, and its room is there again."""

from __future__ import annotations

from urllib.parse import urlencode

import click

from skerry.cli.home import home
from skerry.model.objects import Raw
from skerry.model.settings import Settings

KINDS = ("Revisions", "Releases", "Configs", "Secrets", "Images", "Files")
STEP = 1000
UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")


def prune(settings: Settings, *, keep: int | None, only_plan: bool, force: bool) -> None:
    """Say what would go, ask, and have it go."""
    with home(settings) as api:
        plan = api.post(_path(keep, only_plan=True))
        if only_plan or not any(plan[kind] for kind in KINDS):
            _say(plan, "Would delete" if only_plan else "Deleted")
            return
        if not force:
            click.echo("WARNING! This will remove what can't be gone back to any more:")
            for kind in filter(plan.get, KINDS):
                click.echo(f"  - {_counted(kind, len(plan[kind]))}")
            click.echo()
            if not click.confirm("Are you sure you want to continue?"):
                return
        _say(api.post(_path(keep, only_plan=False)), "Deleted")


def _path(keep: int | None, *, only_plan: bool) -> str:
    query = {"plan": str(only_plan).lower(), **({"keep": keep} if keep is not None else {})}
    return f"/skerry/prune?{urlencode(query)}"


def _counted(kind: str, number: int) -> str:
    word = kind.lower()
    return f"{number} {word if number != 1 else word.removesuffix('s')}"


def _say(gone: Raw, verb: str) -> None:
    """What went, in the habit of `docker system prune`."""
    for kind in filter(gone.get, KINDS):
        click.echo(f"{verb} {kind}:")
        for name in gone[kind]:
            click.echo(name)
        click.echo()
    word = "Total reclaimed space" if verb == "Deleted" else "Total reclaimable space"
    click.echo(f"{word}: {human_size(gone['SpaceReclaimed'])}")


def human_size(number: float) -> str:
    """Bytes as Docker writes them: four digits at most, in steps of a thousand."""
    unit = 0
    while number >= STEP and unit < len(UNITS) - 1:
        number, unit = number / STEP, unit + 1
    return f"{number:.4g}{UNITS[unit]}"
