"""What is there: the stacks of one swarm, read through the Docker API, with names where the API has IDs."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from urllib.parse import quote

from skerry.cli.client import DockerClient
from skerry.model.labels import STACK
from skerry.model.objects import Raw


@dataclass(frozen=True)
class Snapshot:
    """Services (whole objects; network targets and so on are names), and what they need; all by name."""

    services: dict[str, Raw] = field(default_factory=dict)
    networks: dict[str, Raw] = field(default_factory=dict)
    """As `GET /networks/{id}` tells them, predefined ones left out."""
    configs: dict[str, Raw] = field(default_factory=dict)
    secrets: dict[str, Raw] = field(default_factory=dict)


def read(client: DockerClient) -> Snapshot:
    """Everything there. Raises Refused, Unreachable."""
    networks = _networks(client)
    names = {row["Id"]: name for name, row in networks.items()}
    services = client.get("/services")
    return Snapshot(
        {row["Spec"]["Name"]: {**row, "Spec": _named(client, row["Spec"], names)} for row in services},
        networks,
        _files(client, "Config", services),
        _files(client, "Secret", services),
    )


def part(whole: Snapshot, stacks: Collection[str] = ()) -> Snapshot:
    """The services of these stacks, or all, with the networks, configs and secrets that they use or own."""
    services = {
        name: row for name, row in sorted(whole.services.items()) if not stacks or stack_of(row) in stacks
    }
    owners = set(stacks) or stacks_of(whole)
    attached = _values(services, lambda template: template.get("Networks"), "Target")
    return Snapshot(
        services,
        _chosen(whole.networks, owners, attached),
        _chosen(whole.configs, owners, _files_of(services, "Config")),
        _chosen(whole.secrets, owners, _files_of(services, "Secret")),
    )


def stack_of(thing: Raw) -> str:
    """The stack that something belongs to; empty where to none."""
    return str((thing.get("Spec", thing).get("Labels") or {}).get(STACK, ""))


def stacks_of(whole: Snapshot) -> set[str]:
    """Names of all stacks that have a service."""
    return {stack_of(service) for service in whole.services.values()} - {""}


def _networks(client: DockerClient) -> dict[str, Raw]:
    rows = client.get("/networks", scope=["swarm"])
    return {row["Name"]: row for row in rows if not row.get("Ingress")}


def _files(client: DockerClient, kind: str, services: list[Raw]) -> dict[str, Raw]:
    """Configs or secrets. Of two versions of one name it is the one that a service has."""
    path = f"/{kind.lower()}s"
    rows = {row["ID"]: row for row in client.get(path)}
    used = _files_of({service["ID"]: service for service in services}, kind, "ID")
    former = (client.find(f"{path}/{quote(key, safe='')}") for key in sorted(used - rows.keys()))
    rows |= {row["ID"]: row for row in former if row}
    return {row["Spec"]["Name"]: row for row in rows.values()}


def _named(client: DockerClient, spec: Raw, names: dict[str, str]) -> Raw:
    """The spec with names of networks. One that no list shows is predefined, such as the swarm's `host`."""
    copy: Raw = json.loads(json.dumps(spec))
    if legacy := copy.pop("Networks", None):  # where API 1.24 has them
        copy["TaskTemplate"].setdefault("Networks", legacy)
    for attached in copy["TaskTemplate"].get("Networks") or []:
        target = attached["Target"]
        if target not in names:
            names[target] = client.get(f"/networks/{quote(target, safe='')}?scope=swarm")["Name"]
        attached["Target"] = names[target]
    return copy


def _files_of(services: dict[str, Raw], kind: str, key: str = "Name") -> set[str]:
    return _values(services, lambda template: template["ContainerSpec"].get(f"{kind}s"), f"{kind}{key}")


def _values(services: dict[str, Raw], entries: Callable[[Raw], list[Raw] | None], key: str) -> set[str]:
    templates = (service["Spec"]["TaskTemplate"] for service in services.values())
    return {entry[key] for template in templates for entry in entries(template) or []}


def _chosen(rows: dict[str, Raw], owners: Collection[str], used: Collection[str]) -> dict[str, Raw]:
    """What is used, and what belongs to one of the stacks."""
    return {name: row for name, row in sorted(rows.items()) if name in used or stack_of(row) in owners}
