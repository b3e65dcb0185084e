"""`skerry rm`, `skerry scale`, `skerry restart`: what is done to stacks and services that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

import click

from skerry.cli.client import DockerClient, Refused, Unreachable
from skerry.cli.deploy.places import service_at, services_at
from skerry.cli.home import connect
from skerry.model.objects import Raw
from skerry.model.settings import Settings

SCALED = {"Replicated": "Replicas", "ReplicatedJob": "TotalCompletions"}


@contextmanager
def sentences() -> Iterator[None]:
    """What the API says against it, as a command's error."""
    try:
        yield
    except (Refused, Unreachable) as error:
        raise click.ClickException(str(error)) from error


def remove(settings: Settings, stacks: Iterable[str]) -> None:
    """Remove stacks, in the order given."""
    api = connect(settings)
    for stack in stacks:
        with sentences():
            api.delete(f"/skerry/stacks/{quote(stack)}")
        click.echo(f"{stack}: removed; its volumes stay")


def scale(settings: Settings, wishes: Iterable[str]) -> None:
    """`STACK/SERVICE=N`, each."""
    api = connect(settings, of_any=True)
    pairs = [_wish(wish) for wish in wishes]
    with sentences():
        services = [(service_at(api, place), count) for place, count in pairs]
        for service, count in services:
            _update(api, service, lambda spec, count=count: _scaled(spec, count))  # type: ignore[misc]
            click.echo(f"{service['Spec']['Name']}: scaled to {count}")


def _wish(text: str) -> tuple[str, int]:
    place, equals, count = text.rpartition("=")
    if not equals or not count.isdigit():
        raise click.UsageError(f"{text}: something like shop/app=3 is meant")
    return place, int(count)


def _scaled(spec: Raw, count: int) -> Raw:
    for mode, field in SCALED.items():
        if mode in spec["Mode"]:
            return {**spec, "Mode": {mode: {**spec["Mode"][mode], field: count}}}
    raise click.ClickException(
        f"{spec['Name']}: scale can only be used with replicated or replicated-job mode"
    )


def restart(settings: Settings, places: Iterable[str]) -> None:
    """Replace the tasks of stacks or services, one service after the other as the API takes them."""
    api = connect(settings, of_any=True)
    with sentences():
        services = [service for place in places for service in services_at(api, place)]
        for service in services:
            _update(api, service, _forced)
            click.echo(f"{service['Spec']['Name']}: restarting")


def _forced(spec: Raw) -> Raw:
    template = spec["TaskTemplate"]
    return {**spec, "TaskTemplate": {**template, "ForceUpdate": template.get("ForceUpdate", 0) + 1}}


def _update(api: DockerClient, service: Raw, change: Callable[[Raw], Raw]) -> None:
    path = f"/services/{service['ID']}/update?version={service['Version']['Index']}"
    answer = api.post(path, change(service["Spec"]))
    for warning in answer.get("Warnings") or []:
        click.echo(f"Warning: {warning}", err=True)
