"""`STACK`, `STACK/SERVICE`, or a service's whole name, as services."""

from __future__ import annotations

import click

from skerry.cli.client import DockerClient
from skerry.cli.outgrow.snapshot import stack_of
from skerry.model.objects import Raw


def services_at(api: DockerClient, place: str) -> list[Raw]:
    """The services that a place means. Raises ClickException where there are none."""
    stack, slash, name = place.partition("/")
    services = api.get("/services")
    if slash:
        wanted = {f"{stack}_{name}", f"{stack}_{name.removeprefix(f'{stack}_')}"}
        chosen = [row for row in services if row["Spec"]["Name"] in wanted and stack_of(row) == stack]
    else:
        chosen = [row for row in services if stack_of(row) == stack or row["Spec"]["Name"] == stack]
    if not chosen:
        raise click.ClickException(_nothing(place, services))
    return sorted(chosen, key=lambda row: str(row["Spec"]["Name"]))


def service_at(api: DockerClient, place: str) -> Raw:
    """The one service of a place. Raises ClickException."""
    services = services_at(api, place)
    if len(services) > 1:
        raise click.ClickException(
            f"{place} has {len(services)} services: name one, such as {place}/{_short(services[0])}"
        )
    return services[0]


def _nothing(place: str, services: list[Raw]) -> str:
    known = sorted(f"{stack}/{_short(row)}" for row in services if (stack := stack_of(row)))
    return f"there is no stack or service {place}; there are: {', '.join(known) or 'none'}"


def _short(service: Raw) -> str:
    return str(service["Spec"]["Name"]).removeprefix(f"{stack_of(service)}_")
