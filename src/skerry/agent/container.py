"""From a task to the body of `POST /containers/create`: what Swarm passes, and where skerry differs.

The differences: the engine's own health check is off (the agent probes), no port is published by the
engine (the kernel table does), overlay networks are the engine's bridges `skerry.<id>`, and the gate's legs
answer for names: the engine's own resolver passes on to them what it does not know, and is not even asked
where the task has a resolv.conf of its own (`agent.resolvfiles`).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from skerry.core.view import View
from skerry.model import container_labels
from skerry.model.errors import SkerryError
from skerry.model.objects import Network, Raw, Task
from skerry.model.specs import ContainerSpec, LogDriver, Resources, TaskTemplate, read_template
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
    raw = expand_container(task.spec.get("ContainerSpec") or {}, context)
    template = read_template({**task.spec, "ContainerSpec": raw})
    spec = template.container
    joined = _joined(task, template, view)
    legs = tuple(network.leg for network, _ in joined if network.leg)
    mounts = [
        {key: value for key, value in mount.items() if key != "Consistency"} for mount in spec.mounts or []
    ]
    host = {
        **_host_config(spec, template.resources),
        **_log_config(template.log_driver or _default_log_driver(view)),
        **_resolver(spec, legs),
        **_network_mode(task, view, joined),
        "Mounts": [*mounts, *file_mounts],
    }
    body = {**_config(spec), "Labels": labels(task, spec), "HostConfig": _without_empty(host)}
    endpoints = [(network.engine_name, settings) for network, settings in joined]
    if endpoints:
        body["NetworkingConfig"] = {"EndpointsConfig": dict(endpoints[:1])}
    return Blueprint(body, tuple(endpoints[1:]), tuple(_volumes(mounts)), legs)


def labels(task: Task, spec: ContainerSpec) -> dict[str, str]:
    """The container's labels; Swarm's own win."""
    return {
        **(spec.labels or {}),
        container_labels.TASK: "",
        container_labels.TASK_ID: task.id,
        container_labels.TASK_NAME: task.name,
        container_labels.NODE_ID: task.node_id,
        container_labels.SERVICE_ID: task.service_id,
        container_labels.SERVICE_NAME: task.service_name,
    }


def _config(spec: ContainerSpec) -> Raw:
    return _without_empty(
        {
            "Image": spec.image,
            "Entrypoint": spec.command,
            "Cmd": spec.args,
            "Env": spec.env,
            "Hostname": spec.hostname,
            "WorkingDir": spec.dir,
            "User": spec.user,
            "Tty": spec.tty,
            "OpenStdin": spec.open_stdin,
            "StopSignal": spec.stop_signal,
            "Healthcheck": {"Test": ["NONE"]},
        }
    )


def _host_config(spec: ContainerSpec, resources: Resources | None) -> Raw:
    host: Raw = {
        "GroupAdd": spec.groups,
        "ReadonlyRootfs": spec.read_only,
        "Init": spec.init,
        "Sysctls": spec.sysctls,
        "CapAdd": spec.capability_add,
        "CapDrop": spec.capability_drop,
        "Ulimits": spec.ulimits,
        "OomScoreAdj": spec.oom_score_adj,
        "ExtraHosts": [entry for line in spec.hosts or [] if (entry := _extra_host(line))],
        "SecurityOpt": _security(spec.privileges or {}),
    }
    limits = resources.limits if resources else None
    memory = limits.memory_bytes if limits else 0
    if limits:
        host |= {"NanoCpus": limits.nano_cpus, "Memory": memory, "PidsLimit": limits.pids}
    if resources and resources.swap_bytes is not None:
        unlimited = resources.swap_bytes < 0
        host["MemorySwap"] = -1 if unlimited else memory + resources.swap_bytes
    if resources and resources.memory_swappiness is not None:
        host["MemorySwappiness"] = resources.memory_swappiness
    return host


def _extra_host(line: str) -> str:
    """`IP name [alias…]`, as in /etc/hosts, to the engine's `name:IP`."""
    words = line.split()
    return f"{words[1]}:{words[0]}" if len(words) > 1 else ""


def _security(privileges: Raw) -> list[str]:
    found = []
    credentials = privileges.get("CredentialSpec") or {}
    for key, scheme in (("Config", "config"), ("File", "file"), ("Registry", "registry")):
        if credentials.get(key):
            found.append(f"credentialspec={scheme}://{credentials[key]}")
    selinux = privileges.get("SELinuxContext") or {}
    if selinux.get("Disable"):
        found.append("label=disable")
    for key in ("User", "Role", "Level", "Type"):
        if selinux.get(key):
            found.append(f"label={key.lower()}:{selinux[key]}")
    seccomp = privileges.get("Seccomp") or {}
    if seccomp.get("Mode") == "unconfined":
        found.append("seccomp=unconfined")
    elif seccomp.get("Mode") == "custom":
        found.append(f"seccomp={base64.b64decode(seccomp.get('Profile') or '').decode(errors='replace')}")
    if (privileges.get("AppArmor") or {}).get("Mode") == "disabled":
        found.append("apparmor=unconfined")
    if privileges.get("NoNewPrivileges"):
        found.append("no-new-privileges=true")
    return found


def _default_log_driver(view: View) -> LogDriver | None:
    defaults = (view.cluster.spec.get("TaskDefaults") or {}) if view.cluster else {}
    driver = defaults.get("LogDriver") or {}
    return LogDriver(str(driver.get("Name", "")), driver.get("Options")) if driver else None


def _log_config(driver: LogDriver | None) -> Raw:
    return {"LogConfig": {"Type": driver.name, "Config": driver.options or {}}} if driver else {}


def _resolver(spec: ContainerSpec, legs: tuple[str, ...]) -> Raw:
    """The gate's legs, which ask the service's own servers in turn; without a network of ours, those."""
    own = spec.dns_config
    servers = list(legs) or (own.nameservers if own else None)
    return {
        "Dns": servers,
        "DnsSearch": own.search if own else None,
        "DnsOptions": own.options if own else None,
    }


def _joined(task: Task, template: TaskTemplate, view: View) -> list[tuple[Network, Raw]]:
    """The networks of ours that a task joins, with its endpoint's settings on each."""
    options = {wanted.target: wanted.driver_opts for wanted in template.networks or []}
    found: list[tuple[Network, Raw]] = []
    for attachment in task.attachments:
        network = view.networks.get(attachment.network_id)
        if network is not None and network.driver not in PREDEFINED_MODES:
            _check_source(network)
            given = options.get(network.id) or options.get(network.name)
            address = {"IPv4Address": attachment.reserved} if attachment.reserved else None
            aliases = _aliases(task, template, network) if network.node_local else None
            settings = {"DriverOpts": given, "IPAMConfig": address, "Aliases": aliases}
            found.append((network, {key: value for key, value in settings.items() if value}))
    # the container's own name means its address on the first
    return sorted(found, key=lambda joined: joined[0].ingress)


def _check_source(network: Network) -> None:
    """A swarm lets an overlay network name a configuration network, and says at the task what comes of it."""
    if not network.node_local and (network.spec.get("ConfigFrom") or {}).get("Network"):
        raise SkerryError(
            f"network {network.name}: an overlay network can't be made from a configuration network: give "
            "its subnet and options to docker network create itself"
        )


def _aliases(task: Task, template: TaskTemplate, network: Network) -> list[str]:
    """What the engine calls a task where the gate has no leg: there a service's name means its tasks."""
    names = [task.service_name]
    for wanted in template.networks or ():
        if wanted.target in (network.id, network.name):
            names += wanted.aliases or ()
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
    found = []
    for mount in mounts:
        options = mount.get("VolumeOptions") or {}
        driver = options.get("DriverConfig")
        if mount.get("Type") == "volume" and driver and mount.get("Source"):
            found.append(
                {
                    "Name": mount["Source"],
                    "Driver": driver.get("Name", ""),
                    "DriverOpts": driver.get("Options") or {},
                    "Labels": options.get("Labels") or {},
                }
            )
    return found


def _without_empty(fields: Raw) -> Raw:
    """Without what was not given. Numbers and booleans stay: zero can be meant."""
    return {key: value for key, value in fields.items() if value not in (None, "", [], {})}
