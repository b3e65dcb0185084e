"""One stack of a backup, as the bodies of the API calls that make it. References go by name: IDs are others
where it is made again."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from skerry.core.attach import networks_of
from skerry.core.naming import stack_of
from skerry.core.view import View
from skerry.model.objects import Config, Network, Raw, Secret, Service
from skerry.model.specs import CONTENT


def stack_objects(view: View, stack: str) -> Raw:
    """The services of a stack, and the networks, configs and secrets that they use or that are its own."""
    services = [service for service in view.services.values() if stack_of(service.spec.typed.labels) == stack]
    services.sort(key=lambda service: service.name)
    return {
        "networks": [network.spec for network in _networks(view, stack, services)],
        "configs": [_payload(row) for row in _files(view.configs.values(), "config", stack, services)],
        "secrets": [_payload(row) for row in _files(view.secrets.values(), "secret", stack, services)],
        "services": [
            {"spec": _by_names(view, service), "auth": service.registry_auth} for service in services
        ],
    }


def _networks(view: View, stack: str, services: list[Service]) -> Iterator[Network]:
    used = {network.id for service in services for network in networks_of(view, service)}
    for network in sorted(view.networks.values(), key=lambda network: network.name):
        if network.ingress or network.predefined or network.removed:
            continue
        if network.id in used or stack_of(network.labels) == stack:
            yield network


def _files(
    rows: Iterable[Config] | Iterable[Secret], kind: str, stack: str, services: list[Service]
) -> list[Config | Secret]:
    used = {
        reference.config_id if kind == "config" else reference.secret_id
        for service in services
        for reference in getattr(service.spec.typed.task_template.container_spec, f"{kind}s")
    }
    own = [row for row in rows if row.id in used or stack_of(row.spec.get("Labels") or {}) == stack]
    return sorted(own, key=lambda row: row.name)


def _payload(row: Config | Secret) -> Raw:
    body: Raw = {**row.spec, "Name": row.name}
    return {**body, "Data": base64.b64encode(row.data).decode()} if row.data else body


def _by_names(view: View, service: Service) -> Raw:
    """The spec, with the names of networks, and without what only skerry keeps in it."""
    spec = service.spec.raw
    template = spec["TaskTemplate"]
    container = {key: value for key, value in template["ContainerSpec"].items() if key != CONTENT}
    template = {**template, "ContainerSpec": container}
    if template.get("Networks"):
        template["Networks"] = [_by_name(view, attached) for attached in template["Networks"]]
    spec = {**spec, "TaskTemplate": template}
    if spec.get("Networks"):
        spec["Networks"] = [_by_name(view, attached) for attached in spec["Networks"]]
    return spec


def _by_name(view: View, attached: Raw) -> Raw:
    network = view.networks.get(str(attached.get("Target", "")))
    return attached if network is None else {**attached, "Target": network.name}
