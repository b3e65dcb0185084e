"""Names of stacks and services for the shell, as far as skerry answers at its usual place."""

from __future__ import annotations

import shutil
from typing import Any

import click
from click.shell_completion import CompletionItem

from skerry.cli.client import contexts
from skerry.cli.daemon_process import ask
from skerry.model.labels import STACK
from skerry.model.settings import DEFAULT_DATA_DIR, DEFAULT_NAME, DEFAULT_RUN_DIR, Settings

PATIENCE_S = 1.0


def complete_stack(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Stacks whose names begin so."""
    return _items({stack for stack, _ in _services(context)}, begun)


def complete_service(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """`STACK/SERVICE`."""
    return _items({f"{stack}/{service}" for stack, service in _services(context)}, begun)


def complete_place(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """`STACK` or `STACK/SERVICE`."""
    pairs = _services(context)
    return _items({stack for stack, _ in pairs} | {f"{stack}/{service}" for stack, service in pairs}, begun)


def complete_context(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The docker CLI's contexts."""
    return _items(set(contexts()) if shutil.which("docker") is not None else set(), begun)


def _items(names: set[str], begun: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(names) if name.startswith(begun)]


def _services(context: click.Context) -> set[tuple[str, str]]:
    """Stack and short name of each service of a stack."""
    given: dict[str, Any] = context.params
    settings = Settings(
        run_dir=given.get("run_dir") or DEFAULT_RUN_DIR,
        data_dir=given.get("data_dir") or DEFAULT_DATA_DIR,
        socket=given.get("socket") or "",
        name=given.get("name") or DEFAULT_NAME,
        engine=None,
    )
    pairs = set()
    answer = ask(settings, "/services", PATIENCE_S)
    for service in answer if isinstance(answer, list) else []:
        spec = service["Spec"]
        if stack := (spec.get("Labels") or {}).get(STACK):
            pairs.add((str(stack), str(spec["Name"]).removeprefix(f"{stack}_")))
    return pairs
