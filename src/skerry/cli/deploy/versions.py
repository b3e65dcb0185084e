"""`skerry config history` and `skerry secret history`: the versions of one, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from skerry.cli.deploy.changing import sentences
from skerry.cli.deploy.history import instant, print_rows
from skerry.cli.home import connect
from skerry.model.objects import Raw
from skerry.model.settings import Settings

HEAD = ("NUMBER", "WHEN", "BY", "CONTENT", "USED BY")
SHORT = len("sha256:") + 12
"""Characters of a digest that are shown."""


def show(settings: Settings, kind: str, name: str, *, as_json: bool) -> None:
    """Print them. `kind` is config or secret."""
    api = connect(settings)
    with sentences():
        rows = api.get(f"/skerry/{kind}s/{quote(name, safe='')}/versions")
    print_rows(rows, HEAD, cells, as_json=as_json)


def cells(row: Raw) -> tuple[str, ...]:
    """What stands in the columns for one of them."""
    number = f"{row['Number']}{'*' if row['Shown'] else ''}"
    return number, instant(row["At"]), row["By"] or "-", content(row), ", ".join(users(row)) or "-"


def content(row: Raw) -> str:
    """The beginning of a config's digest; of a secret only whether it is one that was there before."""
    if digest := row.get("Digest"):
        return str(digest)[:SHORT]
    return f"as {row['SameAs']}" if row["SameAs"] else "its own"


def users(row: Raw) -> Iterator[str]:
    """Who has a version, and what goes back to it."""
    yield from row["Services"]
    yield from (f"{former['Service']} revision {former['Number']}" for former in row["Revisions"])
    yield from (f"{former['Stack']} release {former['Number']}" for former in row["Releases"])
