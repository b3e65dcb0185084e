"""`skerry why`: what keeps something from being as it is wished, in words or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import click

from skerry.cli.home import home
from skerry.model.settings import Settings


def show(settings: Settings, name: str, *, as_json: bool) -> None:
    """Print it."""
    with home(settings) as api:
        answer = api.get(f"/skerry/why/{quote(name, safe='')}")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    for line in in_words(answer):
        click.echo(line)


def in_words(answer: dict[str, Any]) -> Iterator[str]:
    """The answer as lines."""
    yield f"{answer['kind']} {answer['name']}: {answer['state']}"
    causes = answer["causes"]
    if not any(not cause["past"] for cause in causes):
        yield "nothing is wrong with it" + (" now; before:" if causes else "")
    for cause in causes:
        yield ""
        yield f"{cause['of']}: {cause['sentence']}" if cause["of"] else cause["sentence"]
        for text in cause["evidence"]:
            yield f"    {text}"
        yield from (f"    | {line}" for line in cause["log"])
        for text in cause["advice"]:
            yield f"  → {text}"
