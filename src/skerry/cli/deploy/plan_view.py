"""A plan for people: what becomes of each thing of a stack, and how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rich.text import Text

from skerry.model.objects import Raw

SIGNS = {"new": ("+", "green"), "removed": ("-", "red"), "unchanged": (" ", "dim")}
CHANGED = ("~", "yellow")
KINDS = (("Networks", "network"), ("Volumes", "volume"), ("Configs", "config"), ("Secrets", "secret"))
SHOWN = 60
"""Characters of a value that are shown."""


def counted(plan: Raw) -> dict[str, int]:
    """How many things there are of each sign."""
    things = [*(plan.get("Services") or []), *(entry for kind, _ in KINDS for entry in plan.get(kind) or [])]
    signs = [_sign(str(entry["Action"]))[0] for entry in things]
    return {sign: signs.count(sign) for sign in ("+", "~", "-", " ")}


def lines(plan: Raw) -> Iterator[Text]:
    """A line for each thing, those that stay as they are at the end in one."""
    for service in plan.get("Services") or []:
        if service["Action"] != "unchanged":
            yield _line(service, "service", _how(service))
            yield from map(field_line, service.get("Fields") or [])
    for kind, word in KINDS:
        for entry in plan.get(kind) or []:
            if entry["Action"] != "unchanged":
                version = f": version {entry['Version']}" if "Version" in entry else ""
                yield _line(entry, word, f"{entry['Action']}{version}")
    if count := counted(plan)[" "]:
        yield Text(f"  {count} unchanged", style="dim")


def summary(plan: Raw) -> str:
    """`2 new, 1 changed, 0 removed`."""
    signs = counted(plan)
    return f"{signs['+']} new, {signs['~']} changed, {signs['-']} removed"


def _sign(action: str) -> tuple[str, str]:
    return SIGNS.get(action, CHANGED)


def _line(entry: Raw, kind: str, how: str) -> Text:
    sign, style = _sign(str(entry["Action"]))
    return Text.assemble((f"{sign} {kind} {entry['Name']}", style), f"  {how}")


def _how(service: Raw) -> str:
    """`rolled: 2 tasks, start-first, 1 at a time; after db`."""
    tasks = service.get("Tasks") or 0
    words = [f"{tasks} task{'' if tasks == 1 else 's'}"] if tasks and service["Action"] != "in-place" else []
    if service["Action"] == "rolled":
        words += [service["Order"]] if service.get("Order") else []
        parallelism = service.get("Parallelism")
        words += [f"{parallelism} at a time" if parallelism else "all at once"]
    how = str(service["Action"]).replace("-", " ") + (f": {', '.join(words)}" if words else "")
    waits = service.get("WaitsFor") or []
    return f"{how}; after {', '.join(waits)}" if waits else how


def field_line(field: Raw) -> Text:
    """A field that differs: `ContainerSpec.Image  app:1 → app:2`."""
    old, new = (_value(field.get(word)) for word in ("Old", "New"))
    return Text.assemble(f"    {field['Path']}  ", (old, "red"), " → ", (new, "green"))


def _value(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
