"""How containers and networks that skerry made in the engine look to clients: as if Docker had made them.

The engine knows an overlay network as the bridge `skerry.<id>`; clients see its name and its own ID. Task
containers publish no ports, have no healthcheck and mount configs, secrets and a resolv.conf as far as the
engine is concerned; clients see the ports, the health and the check, and not the mounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from msgspec.structs import replace

from skerry.api import engine_versions
from skerry.api.call import Call
from skerry.api.deps import Health
from skerry.api.wire.tasks import host_ports
from skerry.core.view import View
from skerry.model.labels import INSTANCE
from skerry.model.objects import Network, Raw, Task

LABEL = "skerry.network"
"""Carried by the engine's networks that stand for ours."""

TASK_LABEL = "com.docker.swarm.task.id"

Networks = dict[str, Network]
"""Our networks by the engine's name for them."""


def networks_of(view: View) -> Networks:
    """Every network that is made for the swarm, those included that only wait for their last container to
    go."""
    return {network.engine_name: network for network in view.networks.values() if not network.predefined}


def event(view: View, found: Raw) -> Raw:
    """An event of the engine's; those about our bridges are about overlay networks for the client, and those
    about tasks name their image as it was written."""
    actor = found.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    if found.get("Type") == "network":
        network = networks_of(view).get(attributes.get("name", ""))
        if network is not None:
            shown = {**attributes, "name": network.name, "type": network.driver}
            return {**found, "Actor": {**actor, "ID": network.id, "Attributes": shown}}
    if INSTANCE in attributes:
        attributes = without_own(attributes)
        found = {**found, "Actor": {**actor, "Attributes": attributes}}
    task = view.tasks.get(attributes.get(TASK_LABEL, "")) if found.get("Type") == "container" else None
    image = task.spec.typed.container_spec.image if task is not None else None
    if not image:
        return found
    told = {**found, "Actor": {**actor, "Attributes": {**attributes, "image": image}}}
    return {**told, "from": image} if "from" in found else told


def without_own(labels: Raw) -> Raw:
    """Labels without the one that skerry puts on containers for itself."""
    return {key: value for key, value in labels.items() if key != INSTANCE}


@dataclass(frozen=True)
class Disguise:
    """What rewriting needs: the swarm, the health of its tasks, where the files lie that tasks are given."""

    view: View
    health: Health
    file_dirs: tuple[str, ...]
    mode: str = "default"
    """What the engine calls the network mode of a container that asks for none."""

    @classmethod
    def of(cls, call: Call) -> Disguise:
        """How the containers of a request are to look."""
        by_name = call.facts.has(engine_versions.BRIDGE_BY_NAME)
        mode = "bridge" if by_name else "default"
        return cls(call.view, call.parts.health, call.parts.file_dirs, mode=mode)

    @property
    def networks(self) -> Networks:
        """Our networks by the engine's names."""
        return networks_of(self.view)

    def task_of(self, labels: Raw | None, container: str) -> Task | None:
        """The task whose container this is: an old label on somebody else's container does not count."""
        task = self.view.tasks.get((labels or {}).get(TASK_LABEL, ""))
        return task if task is not None and task.status.container_id in ("", container) else None

    # ---- /containers/json

    def row(self, found: Raw) -> Raw:
        """A container of the list."""
        task = self.task_of(found.get("Labels"), found.get("Id", ""))
        shown = {**found, "NetworkSettings": self._attached(found.get("NetworkSettings") or {}, task)}
        if "HostConfig" in found:
            shown["HostConfig"] = self._mode(found["HostConfig"], task)
        if "Mounts" in found:
            shown["Mounts"] = self._mounts(found["Mounts"])
        return shown if task is None else self._task_row(shown, task)

    def _task_row(self, found: Raw, task: Task) -> Raw:
        image = task.spec.typed.container_spec.image
        shown = {**found, "Image": image or found.get("Image", "")}
        shown["Labels"] = without_own(found.get("Labels") or {})
        if found.get("State") == "running":
            shown["Ports"] = published(task, found.get("Ports") or [])
            if (health := self.health.health(task.id)) is not None:
                shown["Status"] = with_health(found.get("Status", ""), health.docker()["Status"])
        return shown

    # ---- /containers/{id}/json

    def details(self, found: Raw, image_healthcheck: Raw | None) -> Raw:
        """A container's inspect; `image_healthcheck` is what its image says, for a task's own check."""
        config = found.get("Config") or {}
        task = self.task_of(config.get("Labels"), found.get("Id", ""))
        shown = {**found, "NetworkSettings": self._attached(found.get("NetworkSettings") or {}, task)}
        if "Mounts" in found:
            shown["Mounts"] = self._mounts(found["Mounts"])
        if "HostConfig" in found:
            shown["HostConfig"] = self._host_config(found, task)
        if self._given(str(found.get("ResolvConfPath", ""))):
            shown["ResolvConfPath"] = f"{PurePosixPath(found.get('HostnamePath', '')).parent}/resolv.conf"
        return shown if task is None else self._task_details(shown, task, image_healthcheck)

    def _task_details(self, found: Raw, task: Task, image_healthcheck: Raw | None) -> Raw:
        ports = [port for port in host_ports(task) if port.published]
        state, config = dict(found.get("State") or {}), dict(found.get("Config") or {})
        if (health := self.health.health(task.id)) is not None:
            state["Health"] = health.docker()
        config.pop("Healthcheck", None)
        config["Labels"] = without_own(config.get("Labels") or {})
        if (check := own_healthcheck(task, image_healthcheck)) is not None:
            config["Healthcheck"] = check
        container = task.spec.typed.container_spec
        config["Image"] = container.image or config.get("Image", "")
        settings, host = dict(found["NetworkSettings"]), dict(found.get("HostConfig") or {})
        host["Isolation"] = container.isolation or "default"
        host["PortBindings"] = host.get("PortBindings") or {}
        host["Ulimits"] = host.get("Ulimits") or []
        host["Dns"] = container.dns_config.nameservers or None
        if ports:
            keys = [f"{port.target}/{port.protocol}" for port in ports]
            config["ExposedPorts"] = {**(config.get("ExposedPorts") or {}), **{key: {} for key in keys}}
            asked = [replace(port, published=0) if port in task.ports else port for port in ports]
            host["PortBindings"] = _bindings(zip(keys, asked, strict=True), [""])
            if state.get("Running"):
                both = _bindings(zip(keys, ports, strict=True), ["0.0.0.0", "::"])
                settings["Ports"] = {**(settings.get("Ports") or {}), **both}
        return {**found, "State": state, "Config": config, "HostConfig": host, "NetworkSettings": settings}

    def _host_config(self, found: Raw, task: Task | None) -> Raw:
        shown = self._mode(found["HostConfig"], task)
        for key in ("Binds", "Mounts"):
            if found["HostConfig"].get(key):
                shown[key] = self._kept(found["HostConfig"][key]) or (None if key == "Binds" else [])
        if shown.get("Mounts") == []:
            del shown["Mounts"]
        legs = {network.leg for network in self._joined(found)}
        if found["HostConfig"].get("Dns") and set(found["HostConfig"]["Dns"]) <= legs:
            shown["Dns"] = None if task is not None else []
        return shown

    # ---- pieces

    def _joined(self, found: Raw) -> list[Network]:
        names = (found.get("NetworkSettings") or {}).get("Networks") or {}
        return [network for name in names if (network := self.networks.get(name)) is not None]

    def _attached(self, settings: Raw, task: Task | None) -> Raw:
        known = self.networks
        shown = {}
        for name, endpoint in (settings.get("Networks") or {}).items():
            network = known.get(name)
            if network is None:
                shown[name] = endpoint
            else:
                shown[network.name] = _endpoint(endpoint or {}, network)
                if network.node_local and task is not None:
                    shown[network.name]["Aliases"] = [task.status.container_id[:12]]
        return {**settings, "Networks": shown}

    def _mode(self, host: Raw, task: Task | None) -> Raw:
        network = self.networks.get(host.get("NetworkMode", ""))
        if network is None:
            return dict(host)
        return {**host, "NetworkMode": self.mode if task is not None else network.name}

    def _mounts(self, mounts: list[Raw] | None) -> list[Raw] | None:
        return None if mounts is None else self._kept(mounts)

    def _kept(self, entries: list[Any]) -> list[Any]:
        """Mounts (objects, or `source:target` texts) without the files of tasks."""
        return [
            entry
            for entry in entries
            if not self._given(str(entry.get("Source", "") if isinstance(entry, dict) else entry))
        ]

    def _given(self, path: str) -> bool:
        """Whether this is a file that skerry gave to a task."""
        return any(path.startswith(f"{folder.rstrip('/')}/") for folder in self.file_dirs)


def _endpoint(endpoint: Raw, network: Network) -> Raw:
    """An endpoint on an overlay network: its address was assigned, and it leads nowhere else."""
    if network.node_local:
        return {**endpoint, "IPAMConfig": endpoint.get("IPAMConfig") or {}, "NetworkID": network.id}
    address = endpoint.get("IPAddress")
    assigned = {"IPv4Address": address} if address else endpoint.get("IPAMConfig")
    return {**endpoint, "IPAMConfig": assigned, "NetworkID": network.id, "Gateway": ""}


def with_health(status: str, health: str) -> str:
    """`Up 3 seconds` with the health behind it, as docker ps shows it."""
    word = {"starting": "health: starting"}.get(health, health)
    shows = status.startswith("Up") and not status.endswith("(Paused)") and word not in ("", "none")
    return f"{status} ({word})" if shows else status


def published(task: Task, ports: list[Raw]) -> list[Raw]:
    """The list's ports: a task's host-mode ports in the place of the ones that are only exposed."""
    own = [port for port in host_ports(task) if port.published]
    taken = {(port.target, port.protocol) for port in own}
    shown = [port for port in ports if (port.get("PrivatePort"), port.get("Type")) not in taken]
    for port in own:
        for address in ("0.0.0.0", "::"):
            shown.append(
                {
                    "IP": address,
                    "PrivatePort": port.target,
                    "PublicPort": port.published,
                    "Type": port.protocol,
                }
            )
    return shown


def own_healthcheck(task: Task, image: Raw | None) -> Raw | None:
    """A task's check: the service's over the image's, field by field, as the engine merges them."""
    own = (task.spec.raw.get("ContainerSpec") or {}).get("Healthcheck")
    if own is None:
        return image
    if not own.get("Test") and image is not None:
        return {**image, **{key: value for key, value in own.items() if value}}
    return dict(own)


def _bindings(pairs: Any, addresses: list[str]) -> Raw:
    found: dict[str, list[Raw]] = {}
    for key, port in pairs:
        entries = [{"HostIp": address, "HostPort": str(port.published or "")} for address in addresses]
        found.setdefault(key, []).extend(entries)
    return found
