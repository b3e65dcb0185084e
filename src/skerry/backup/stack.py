"""One stack of a backup, as the bodies of the API calls that make it. References go by name: IDs are others
where it is made again."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping

from skerry.core.attach import networks_of
from skerry.core.naming import stack_of
from skerry.core.view import View
from skerry.model.files import File, KeptFile
from skerry.model.objects import Network, Raw, Service
from skerry.model.specs import CONTENT


def stack_objects(view: View, stack: str) -> Raw:
    """The services of a stack, and the networks, configs and secrets that they use or that are its own."""
    services = [service for service in view.services.values() if stack_of(service.spec.typed.labels) == stack]
    services.sort(key=lambda service: service.name)
    configs, secrets = (_used(kind, services) for kind in ("config", "secret"))
    return {
        "networks": [network.spec for network in _networks(view, stack, services)],
        "configs": [_payload(row) for row in _files(view.configs, view.config, stack, configs)],
        "secrets": [_payload(row) for row in _files(view.secrets, view.secret, stack, secrets)],
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


def _used(kind: str, services: list[Service]) -> set[str]:
    """The configs or secrets of services, by ID."""
    return {
        str(getattr(reference, f"{kind}_id"))
        for service in services
        for reference in getattr(service.spec.typed.task_template.container_spec, f"{kind}s")
    }


def _files(
    shown: Mapping[str, File], by_id: Callable[[str], File | KeptFile | None], stack: str, used: Iterable[str]
) -> list[File | KeptFile]:
    """Those that are the stack's or that its services use, by name. Of two of one name it is what is used,
    as that may be one which is only kept."""
    rows: dict[str, File | KeptFile] = {
        row.name: row for row in shown.values() if stack_of(row.spec.get("Labels") or {}) == stack
    }
    rows |= {row.name: row for row in map(by_id, used) if row is not None}
    return [rows[name] for name in sorted(rows)]


def _payload(row: File | KeptFile) -> Raw:
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
