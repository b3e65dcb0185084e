"""What a release does to a stack: the difference between two views, in the words of a plan.

The view after is that of a transaction which may never be written: so a plan is the release itself, before it
is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from skerry.core.depends import needed
from skerry.core.spec_diff import fields, names_in
from skerry.core.standing import wanted_of
from skerry.core.view import View
from skerry.model.declare import Raw
from skerry.model.defaults import PARALLELISM, UPDATE_ORDER
from skerry.model.files import Config, File, Secret
from skerry.model.objects import Service
from skerry.model.releases import CHANGED, IN_PLACE, NEW, REMOVED, RENEWED, ROLLED, STARTED, UNCHANGED
from skerry.model.spec import endpoint_of, template_of


@dataclass(frozen=True)
class Names:
    """The objects of a stack, by what its file calls them."""

    networks: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    known_volumes: tuple[str, ...] = ()
    """Those that a release before had."""


def plan(
    before: View, after: View, services: Iterable[Service], removed: Iterable[Service], names: Names
) -> Raw:
    """The plan of a release that leads from one view to the other."""
    rows = [_service(before, after, service) for service in services]
    rows += [{**_service(before, before, service), "Action": REMOVED} for service in removed]
    return {
        "Services": rows,
        "Networks": [_named(name, _has_network(before, name)) for name in names.networks],
        "Configs": _files(names.configs, before.configs.values(), after.configs.values()),
        "Secrets": _files(names.secrets, before.secrets.values(), after.secrets.values()),
        "Volumes": [_named(name, name in names.known_volumes) for name in names.volumes],
    }


def action_of(before: Service | None, after: Service) -> str:
    """What becomes of a service."""
    if before is None:
        return NEW
    starts = before.stopped is not None and after.stopped is None
    if before.spec == after.spec:
        return STARTED if starts else UNCHANGED
    template, old = template_of(after.spec), template_of(before.spec)
    if starts or after.is_job or template != old or endpoint_of(after.spec) != endpoint_of(before.spec):
        return ROLLED
    return IN_PLACE


def _service(before: View, after: View, service: Service) -> Raw:
    """A row: what happens to a service, how, and field by field."""
    old = before.services.get(service.id)
    action = action_of(old, service)
    config = service.spec.typed.update_config
    waits = [target.name for _, target in needed(after, service) if target is not None]
    return {
        "Name": service.name,
        "ID": service.id,
        "Action": action,
        "Tasks": wanted_of(service, after.node),
        "Order": config.order if config is not None else UPDATE_ORDER,
        "Parallelism": config.parallelism if config is not None else PARALLELISM,
        "WaitsFor": waits,
        "Fields": _fields(after, old, service)
        if old is not None and action not in (UNCHANGED, STARTED)
        else [],
    }


def _fields(view: View, old: Service, new: Service) -> list[Raw]:
    """What differs between two specs of a service, networks by their names."""
    differing = fields(old.spec.raw, new.spec.raw, names_in(view))
    return [{"Path": path, "Old": was, "New": now} for path, was, now in differing]


def _named(name: str, known: bool) -> Raw:
    return {"Name": name, "Action": UNCHANGED if known else NEW}


def _has_network(view: View, name: str) -> bool:
    return any(network.name == name and not network.removed for network in view.networks.values())


def _files(
    names: tuple[str, ...],
    before: Iterable[Config] | Iterable[Secret],
    after: Iterable[Config] | Iterable[Secret],
) -> list[Raw]:
    """The rows of configs or secrets: labels may change, and which version is shown."""
    old = {file.name: file for file in before}
    new = {file.name: file for file in after}
    return [_file(name, old.get(name), new.get(name)) for name in names]


def _file(name: str, was: File | None, now: File | None) -> Raw:
    if was is None or now is None or was is now:
        return _named(name, was is not None)
    if was.id == now.id:
        return {"Name": name, "Action": CHANGED}
    return {"Name": name, "Action": RENEWED, "Version": now.number}
