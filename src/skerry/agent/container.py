"""From a task to the body of `POST /containers/create`: what Swarm passes, and where skerry differs.

The differences: the engine's own health check is off (the agent probes), no port is published by the
engine (the kernel table does), overlay networks are the engine's bridges `skerry.<id>`, and the gate's legs
answer for names: the engine's own resolver passes on to them what it does not know, and is not even asked
where the task has a resolv.conf of its own (`agent.resolvfiles`).
"""

from __future__ import annotations

import base64
import contextlib
from dataclasses import dataclass
from itertools import chain

from skerry.core.view import View
from skerry.model import container_labels
from skerry.model.container_settings import SETTINGS
from skerry.model.errors import SkerryError
from skerry.model.family import FAMILIES
from skerry.model.objects import Network, Raw, Task
from skerry.model.shapes import of_container
from skerry.model.spec import read
from skerry.model.specs import ContainerSpec, DNSConfig, Driver, Privileges, Resources, TaskTemplate
from skerry.model.template import context_of, expand_container

PREDEFINED_MODES = {"host": "host", "null": "none"}
"""Drivers of the networks that every engine has, and the network mode that stands for them."""


@dataclass(frozen=True)
class Blueprint:
    """What preparing a task asks of the engine: one container, on `further` networks too, with `volumes`."""

    body: Raw
    further: tuple[tuple[str, Raw], ...]
    """(engine's network name, endpoint settings), in the task's own order."""
    volumes: tuple[Raw, ...]
    """Bodies of POST /volumes/create: volumes whose driver is configured are made first."""
    legs: tuple[str, ...] = ()
    """Where its names are resolved: any leg answers for all of its networks."""


def blueprint(task: Task, view: View, file_mounts: list[Raw]) -> Blueprint:
    """The container of a task. `file_mounts`: those of its configs and secrets.

    Raises TemplateError where its spec cannot be filled, ValidationError where a field is of a wrong type,
    SkerryError where it wants networks that exclude each other.
    """
    context = context_of(task, view.nodes.get(task.node_id))
    raw = expand_container(task.spec.raw.get("ContainerSpec") or {}, context)
    template, spec = task.spec.typed, read(raw, ContainerSpec)
    joined = _joined(task, template, view)
    legs = tuple(network.leg for network, _ in joined if network.leg)
    mounts = [
        {key: value for key, value in mount.items() if key != "Consistency"}
        for mount in raw.get("Mounts") or ()
    ]
    config, host = _as_declared(spec, template.resources)
    log_driver = template.log_driver or (view.cluster.log_driver if view.cluster is not None else None)
    host = {
        **host,
        "ExtraHosts": [entry for line in spec.hosts if (entry := _extra_host(line))],
        "SecurityOpt": _security(spec.privileges),
        **_swap(template.resources),
        **_log_config(log_driver),
        **_resolver(spec.dns_config, legs),
        **_network_mode(task, view, joined),
        "Mounts": [*mounts, *file_mounts],
    }
    own, own_host = _by_label(spec.labels)
    host = _joined_lists(host, own_host)
    body = {
        **_without_empty({**config, **own}),
        "Labels": labels(task, spec),
        "HostConfig": _without_empty(host),
    }
    endpoints = [(network.engine_name, settings) for network, settings in joined]
    if endpoints:
        body["NetworkingConfig"] = {"EndpointsConfig": dict(endpoints[:1])}
    return Blueprint(body, tuple(endpoints[1:]), tuple(_volumes(mounts)), legs)


def labels(task: Task, spec: ContainerSpec) -> dict[str, str]:
    """The container's labels; Swarm's own win."""
    return {
        **spec.labels,
        container_labels.TASK: "",
        container_labels.TASK_ID: task.id,
        container_labels.TASK_NAME: task.name,
        container_labels.NODE_ID: task.node_id,
        container_labels.SERVICE_ID: task.service_id,
        container_labels.SERVICE_NAME: task.service_name,
    }


def _as_declared(spec: ContainerSpec, resources: Resources) -> tuple[Raw, Raw]:
    """The container's own part and the HostConfig, as far as the fields' declarations say where they go."""
    parts = [spec, resources, *([resources.limits] if resources.limits is not None else [])]
    config: Raw = {"Healthcheck": {"Test": ["NONE"]}}
    host: Raw = {}
    for path, value in chain.from_iterable(of_container(part).items() for part in parts):
        whose, _, name = path.rpartition(".")
        (host if whose else config)[name] = value
    return config, host


def _by_label(labels: dict[str, str]) -> tuple[Raw, Raw]:
    """What labels of the container say: its own part and the HostConfig. A malformed one is refused when the
    service is written; from before the label was known, it is as if absent."""
    config: Raw = {}
    host: Raw = {}
    for label in SETTINGS:
        if label.name not in labels:
            continue
        with contextlib.suppress(ValueError):
            value = label.read(labels[label.name])
            whose, _, name = label.container.rpartition(".")
            part = host if whose else config
            part[name] = [*part[name], *value] if name in part else value
    return config, host


def _joined_lists(host: Raw, own: Raw) -> Raw:
    """The HostConfig with what labels say; what both list is listed together."""
    both = {name for name in own if isinstance(host.get(name), list)}
    return {**host, **{name: [*host[name], *own[name]] if name in both else own[name] for name in own}}


def _swap(resources: Resources) -> Raw:
    if resources.swap_bytes is None:
        return {}
    memory = resources.limits.memory_bytes if resources.limits is not None else 0
    return {"MemorySwap": -1 if resources.swap_bytes < 0 else memory + resources.swap_bytes}


def _extra_host(line: str) -> str:
    """`IP name [alias…]`, as in /etc/hosts, to the engine's `name:IP`."""
    fields = line.split()
    return f"{fields[1]}:{fields[0]}" if len(fields) > 1 else ""


def _security(privileges: Privileges) -> list[str]:
    """The engine's security options for what a service may or may not do."""
    options = []
    if (credentials := privileges.credential_spec) is not None:
        kinds = {"config": credentials.config, "file": credentials.file, "registry": credentials.registry}
        options += [f"credentialspec={scheme}://{value}" for scheme, value in kinds.items() if value]
    if (selinux := privileges.selinux_context) is not None:
        parts = {"user": selinux.user, "role": selinux.role, "level": selinux.level, "type": selinux.type}
        options += ["label=disable"] if selinux.disable else []
        options += [f"label={part}:{value}" for part, value in parts.items() if value]
    if (seccomp := privileges.seccomp) is not None and seccomp.mode == "unconfined":
        options.append("seccomp=unconfined")
    elif seccomp is not None and seccomp.mode == "custom":
        options.append(f"seccomp={base64.b64decode(seccomp.profile).decode(errors='replace')}")
    if privileges.app_armor is not None and privileges.app_armor.mode == "disabled":
        options.append("apparmor=unconfined")
    return [*options, *(["no-new-privileges=true"] if privileges.no_new_privileges else [])]


def _log_config(driver: Driver | None) -> Raw:
    return {"LogConfig": {"Type": driver.name, "Config": driver.options}} if driver is not None else {}


def _resolver(own: DNSConfig, legs: tuple[str, ...]) -> Raw:
    """The gate's legs, which ask the service's own servers in turn; without a network of ours, those."""
    return {"Dns": list(legs) or own.nameservers, "DnsSearch": own.search, "DnsOptions": own.options}


def _joined(task: Task, template: TaskTemplate, view: View) -> list[tuple[Network, Raw]]:
    """The networks of ours that a task joins, with its endpoint's settings on each."""
    options = {
        attachment_config.target: attachment_config.driver_opts for attachment_config in template.networks
    }
    joined: list[tuple[Network, Raw]] = []
    for attachment in task.attachments:
        network = view.networks.get(attachment.network_id)
        if network is not None and network.driver not in PREDEFINED_MODES:
            _check_source(network)
            driver_opts = options.get(network.id) or options.get(network.name)
            given = {family.key: attachment.given(family) for family in FAMILIES}
            address = {key: text for key, text in given.items() if text}
            aliases = _aliases(task, template, network) if network.node_local else None
            settings = {"DriverOpts": driver_opts, "IPAMConfig": address, "Aliases": aliases}
            joined.append((network, {key: value for key, value in settings.items() if value}))
    # the container's own name means its address on the first
    return sorted(joined, key=lambda joined: joined[0].ingress)


def _check_source(network: Network) -> None:
    """A swarm lets an overlay network name a configuration network, and says at the task what comes of it."""
    if not network.node_local and network.source:
        raise SkerryError(
            f"network {network.name}: an overlay network can't be made from a configuration network: give "
            "its subnet and options to docker network create itself"
        )


def _aliases(task: Task, template: TaskTemplate, network: Network) -> list[str]:
    """What the engine calls a task where the gate has no leg: there a service's name means its tasks."""
    names = [task.service_name]
    for attachment_config in template.networks:
        if attachment_config.target in (network.id, network.name):
            names += attachment_config.aliases
    return [word for name in dict.fromkeys(names) for word in (name, f"tasks.{name}")]


def _network_mode(task: Task, view: View, joined: list[tuple[Network, Raw]]) -> Raw:
    for attachment in task.attachments:
        network = view.networks.get(attachment.network_id)
        if network is not None and network.driver in PREDEFINED_MODES:
            mode = PREDEFINED_MODES[network.driver]
            if joined:  # else the links of the others would be made in the machine's own namespace
                raise SkerryError(
                    f"container cannot be disconnected from {mode} network or connected to {mode} network"
                )
            return {"NetworkMode": mode}
    return {"NetworkMode": joined[0][0].engine_name} if joined else {}


def _volumes(mounts: list[Raw]) -> list[Raw]:
    """Bodies of POST /volumes/create, for the volumes whose driver is configured."""
    volumes = []
    for mount in mounts:
        options = mount.get("VolumeOptions") or {}
        driver = options.get("DriverConfig")
        if mount.get("Type") == "volume" and driver and mount.get("Source"):
            volumes.append(
                {
                    "Name": mount["Source"],
                    "Driver": driver.get("Name", ""),
                    "DriverOpts": driver.get("Options") or {},
                    "Labels": options.get("Labels") or {},
                }
            )
    return volumes


def _without_empty(fields: Raw) -> Raw:
    """Without what was not given. Numbers and booleans stay: zero can be meant."""
    return {key: value for key, value in fields.items() if value not in (None, "", [], {})}
