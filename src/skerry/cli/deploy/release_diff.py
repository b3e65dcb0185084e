"""`skerry diff`: what changed from one release of a stack to another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console

from skerry.cli.deploy import codes, plan_view
from skerry.cli.deploy.changing import sentences
from skerry.cli.home import connect
from skerry.model.objects import Raw
from skerry.model.settings import Settings


def diff(settings: Settings, stack: str, older: int | None, newer: int | None, *, as_json: bool) -> int:
    """Show it; the exit code: 2 where something changed."""
    api = connect(settings)
    path = f"/skerry/stacks/{quote(stack)}"
    with sentences():
        last = int(api.get(path)["Release"])
        numbers = (older or last - 1, newer or last)
        if older is None:
            plan = api.get(f"{path}/releases/{last}")["Plan"]
        else:
            plan = between(*(api.get(f"{path}/releases/{number}") for number in numbers))
    changed = any(count for sign, count in plan_view.counted(plan).items() if sign != " ")
    if as_json:
        click.echo(json.dumps({"From": numbers[0], "To": numbers[1], "Plan": plan}))
    else:
        console = Console()
        for line in plan_view.lines(plan):
            console.print(line, soft_wrap=True)
        click.echo(f"{stack}: release {numbers[0]} to {numbers[1]}: {plan_view.summary(plan)}")
    return codes.CHANGES if changed else codes.DONE


def between(old: Raw, new: Raw) -> Raw:
    """What is different in the services of two releases, field by field, as a plan."""
    before, after = _specs(old), _specs(new)
    return {
        "Services": [_entry(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]
    }


def _specs(release: Raw) -> dict[str, Raw]:
    """The services that a release has left there, by name."""
    parts = (part for part in release["Services"] if part["Action"] != "removed")
    return {str(part["Spec"]["Name"]): part["Spec"] for part in parts}


def _entry(name: str, old: Raw | None, new: Raw | None) -> Raw:
    if old is None or new is None:
        return {"Name": name, "Action": "new" if old is None else "removed"}
    fields = list(_fields("", old, new))
    return {"Name": name, "Action": "changed" if fields else "unchanged", "Fields": fields}


def _fields(path: str, old: Any, new: Any) -> Iterator[Raw]:
    """Every field that differs, by its path."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _fields(f"{path}.{name}" if path else name, old.get(name), new.get(name))
    elif old != new:
        yield {"Path": path, "Old": old, "New": new}
