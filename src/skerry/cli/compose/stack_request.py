"""A whole project as what a swarm is asked for, in one piece."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skerry.cli.compose import configs_and_secrets, mounts, networks, order, scaling
from skerry.cli.compose.container_spec import container, given, references
from skerry.cli.compose.keys import KEYS
from skerry.cli.compose.labelled_settings import settings
from skerry.cli.compose.project import Project
from skerry.cli.compose.refusal import Refusals, check, sentence
from skerry.cli.compose.where import STANDARD_INPUT
from skerry.cli.outgrow.leftover import SpecReader
from skerry.model.labels import STACK, STACK_IMAGE
from skerry.model.objects import Raw


@dataclass
class StackRequest:
    """A stack as it is asked for. `body` is that of `POST /skerry/stacks/NAME`."""

    name: str
    body: Raw
    notices: list[str] = field(default_factory=list)
    """What becomes of the file otherwise than it says, in sentences."""
    builds: list[str] = field(default_factory=list)
    """Services of the file whose images are built."""
    pulls: dict[str, str] = field(default_factory=dict)
    """Pull policies by the swarm's names of services; empty where nothing is said."""


def translate(project: Project, *, build: bool) -> StackRequest:
    """The stack; with `build`, images that can be built are. Raises Refusals, all of them at once."""
    check(project)
    refusals: list[str] = []
    request = StackRequest(project.name, {})
    model = project.model
    services = []
    for name in model.get("services") or {}:
        try:
            services.append(_service(project, name, request, build=build))
        except ValueError as error:
            refusals.append(sentence(project, ("services", name), str(error)))
        except OSError as error:
            why = f"security_opt: {error.filename}: {error.strerror}"
            refusals.append(sentence(project, ("services", name, "security_opt"), why))
    request.notices += _network_notices(project, refusals)
    request.body = {
        "Services": services,
        "Networks": networks.created(project.name, model.get("networks") or {}),
        "Volumes": mounts.created(project.name, model.get("volumes") or {}),
        "Configs": configs_and_secrets.created(project, "configs", refusals),
        "Secrets": configs_and_secrets.created(project, "secrets", refusals),
        "Source": {"Text": project.text, "Origin": _origin(project)},
    }
    refusals += _port_conflicts(project, services)
    if refusals:
        raise Refusals(refusals)
    return request


def _service(project: Project, name: str, request: StackRequest, *, build: bool) -> Raw:
    """The spec of a service. Each key is taken from the file once; what is left at the end is refused."""
    raw = project.model["services"][name]
    service = SpecReader(raw)
    deploy = service.inner("deploy")
    completes = name in order.completed(project.model["services"]) and not (raw.get("deploy") or {}).get(
        "mode"
    )
    full, image = f"{project.name}_{name}", _image(project, name, raw, request, build=build)
    service.take("image")
    request.pulls[full] = service.take("pull_policy") or ("never" if name in request.builds else "")
    spec = {
        "Name": full,
        "Labels": _service_labels(project, service, deploy, image),
        "TaskTemplate": given(
            {
                "ContainerSpec": _container(project, service, image),
                "Networks": _attached(project, name, service, request),
                "Resources": scaling.resources(service, deploy),
                "RestartPolicy": scaling.restart_policy(service, deploy, completes=completes),
                "Placement": scaling.placement(service, deploy),
                "LogDriver": _log_driver(service),
            }
        ),
        "Mode": scaling.mode(service, deploy, completes=completes),
        **scaling.update_configs(deploy),
        "EndpointSpec": scaling.endpoint(service, deploy),
    }
    _check_all_taken(service)
    return given(spec)


def _image(project: Project, name: str, raw: Raw, request: StackRequest, *, build: bool) -> str:
    """The image's name; Compose calls one that has none PROJECT-SERVICE when it builds it."""
    if raw.get("build") and build:
        request.builds.append(name)
        return str(raw.get("image") or f"{project.name}-{name}")
    if not raw.get("image"):
        raise ValueError("image: it has none; to build it, deploy with --build")
    return str(raw["image"])


def _service_labels(project: Project, service: SpecReader, deploy: SpecReader, image: str) -> dict[str, str]:
    service.take("links")  # aliases of others, and the order that depends_on has
    waits = order.label(service.take("depends_on") or {})
    return {**_texts(deploy.take("labels")), **waits, STACK: project.name, STACK_IMAGE: image}


def _container(project: Project, service: SpecReader, image: str) -> Raw:
    """The container; what only a label can say goes there, where a label of the user's own wins."""
    by_label = settings(service, project.folder)
    labels = {**by_label, **_texts(service.take("labels")), STACK: project.name}
    spec = {
        **container(service),
        "Image": image,
        "Labels": labels,
        "Mounts": mounts.mounts(project.name, service, project.model.get("volumes") or {}),
        "Configs": references("Config", service, configs_and_secrets.names(project, "configs")),
        "Secrets": references("Secret", service, configs_and_secrets.names(project, "secrets")),
    }
    return given(spec)


def _attached(project: Project, name: str, service: SpecReader, request: StackRequest) -> list[Raw]:
    aliases = networks.linked(project.model["services"]).get(name, [])
    if own := service.take("container_name"):
        request.notices.append(
            f"service {name}: container_name {own} is a name on its networks, not of containers"
        )
        aliases = [*aliases, own]
    mode = project.model["services"][name].get("network_mode") or ""
    return networks.attachments(name, service, mode, project.model.get("networks") or {}, aliases)


def _log_driver(service: SpecReader) -> Raw | None:
    logging = service.take("logging")
    if not logging:
        return None
    return given({"Name": logging.get("driver"), "Options": mounts.texts(logging.get("options"))})


def _texts(labels: dict[str, Any] | None) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in (labels or {}).items()}


def _taken_elsewhere() -> Iterator[str]:
    """Keys of a service that are heeded by another program, or by nobody, or refused."""
    for key in KEYS.values():
        section, _, name = key.path.partition(".*.")
        if section == "services" and key.covers and "." not in name:
            yield name


_TAKEN_ELSEWHERE = tuple(_taken_elsewhere())


def _check_all_taken(service: SpecReader) -> None:
    """Raises ValueError where something of a service would be dropped in silence."""
    for name in _TAKEN_ELSEWHERE:
        service.take(name)
    left = [path for path in service.left() if not path.startswith("x-")]
    if left:
        raise ValueError(f"{', '.join(left)}: skerry has no place for it; take it out, or prefix it with x-")


def _network_notices(project: Project, refusals: list[str]) -> list[str]:
    notices = []
    for name, entry in sorted((project.model.get("networks") or {}).items()):
        network = entry or {}
        if network.get("driver") == "bridge" and not network.get("external"):
            notices.append(f"network {name}: driver bridge becomes overlay, as all networks of a stack are")
        for option in network.get("driver_opts") or {}:
            if option.startswith(networks.BRIDGE_OPTIONS):
                why = "an option of bridge networks: those of a stack are overlay networks"
                refusals.append(sentence(project, ("networks", name, "driver_opts", option), why))
    return notices


def _port_conflicts(project: Project, services: list[Raw]) -> list[str]:
    """Two services that publish one port."""
    owners: dict[tuple[int, str], str] = {}
    conflicts = []
    for service in services:
        name = service["Name"].removeprefix(f"{project.name}_")
        for port in (service.get("EndpointSpec") or {}).get("Ports") or []:
            number, protocol = port.get("PublishedPort"), port["Protocol"]
            owner = owners.setdefault((number, protocol), name) if number else name
            if owner != name:
                why = f"{number}/{protocol} is published by service {owner} too"
                conflicts.append(sentence(project, ("services", name, "ports"), why))
    return conflicts


def _origin(project: Project) -> str:
    first = next((file.name for file in project.files), STANDARD_INPUT)
    path = first if first == STANDARD_INPUT else str(Path(first).absolute())
    return f"{socket.gethostname()}:{path}"
