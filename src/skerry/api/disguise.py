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
from skerry.core.kept_images import REPOSITORY
from skerry.core.view import View
from skerry.model.container_labels import KEEPS, TASK_ID
from skerry.model.family import FAMILIES
from skerry.model.labels import INSTANCE
from skerry.model.objects import Network, Raw, Task

LABEL = "skerry.network"
"""Carried by the engine's networks that stand for ours."""


Networks = dict[str, Network]
"""Our networks by the engine's name for them."""


def networks_of(view: View) -> Networks:
    """Every network that is made for the swarm, those included that only wait for their last container to
    go."""
    return {network.engine_name: network for network in view.networks.values() if not network.predefined}


def event(view: View, original: Raw) -> Raw:
    """An event of the engine's; those about our bridges are about overlay networks for the client, and those
    about tasks name their image as it was written."""
    actor = original.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    if original.get("Type") == "network":
        network = networks_of(view).get(attributes.get("name", ""))
        if network is not None:
            shown = {**attributes, "name": network.name, "type": network.driver}
            return {**original, "Actor": {**actor, "ID": network.id, "Attributes": shown}}
    if INSTANCE in attributes:
        attributes = without_own(attributes)
        original = {**original, "Actor": {**actor, "Attributes": attributes}}
    task = view.tasks.get(attributes.get(TASK_ID, "")) if original.get("Type") == "container" else None
    image = task.spec.typed.container_spec.image if task is not None else None
    if not image:
        return original
    named = {**original, "Actor": {**actor, "Attributes": {**attributes, "image": image}}}
    return {**named, "from": image} if "from" in original else named


def is_holder(labels: Raw | None) -> bool:
    """Whether a container with these labels is only there to keep an image from being pruned."""
    return KEEPS in (labels or {})


def is_inner(event: Raw) -> bool:
    """Whether an event is about nothing but how skerry keeps an image."""
    attributes = (event.get("Actor") or {}).get("Attributes") or {}
    of_image = event.get("Type") == "image" and attributes.get("name", "").startswith(f"{REPOSITORY}:")
    return is_holder(attributes) or of_image


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
        return cls(call.view, call.deps.health, call.deps.file_dirs, mode=mode)

    @property
    def networks(self) -> Networks:
        """Our networks by the engine's names."""
        return networks_of(self.view)

    def task_of(self, labels: Raw | None, container: str) -> Task | None:
        """The task whose container this is: an old label on somebody else's container does not count."""
        task = self.view.tasks.get((labels or {}).get(TASK_ID, ""))
        return task if task is not None and task.status.container_id in ("", container) else None

    # ---- /containers/json

    def row(self, container: Raw) -> Raw:
        """A container of the list."""
        task = self.task_of(container.get("Labels"), container.get("Id", ""))
        shown = {**container, "NetworkSettings": self._attached(container.get("NetworkSettings") or {}, task)}
        if "HostConfig" in container:
            shown["HostConfig"] = self._mode(container["HostConfig"], task)
        if "Mounts" in container:
            shown["Mounts"] = self._mounts(container["Mounts"])
        return shown if task is None else self._task_row(shown, task)

    def _task_row(self, container: Raw, task: Task) -> Raw:
        image = task.spec.typed.container_spec.image
        shown = {**container, "Image": image or container.get("Image", "")}
        shown["Labels"] = without_own(container.get("Labels") or {})
        if container.get("State") == "running":
            shown["Ports"] = published(task, container.get("Ports") or [])
            if (health := self.health.health(task.id)) is not None:
                shown["Status"] = with_health(container.get("Status", ""), health.docker()["Status"])
        return shown

    # ---- /containers/{id}/json

    def details(self, container: Raw, image_healthcheck: Raw | None) -> Raw:
        """A container's inspect; `image_healthcheck` is what its image says, for a task's own check."""
        config = container.get("Config") or {}
        task = self.task_of(config.get("Labels"), container.get("Id", ""))
        shown = {**container, "NetworkSettings": self._attached(container.get("NetworkSettings") or {}, task)}
        if "Mounts" in container:
            shown["Mounts"] = self._mounts(container["Mounts"])
        if "HostConfig" in container:
            shown["HostConfig"] = self._host_config(container, task)
        if self._is_own_file(str(container.get("ResolvConfPath", ""))):
            shown["ResolvConfPath"] = f"{PurePosixPath(container.get('HostnamePath', '')).parent}/resolv.conf"
        return shown if task is None else self._task_details(shown, task, image_healthcheck)

    def _task_details(self, container: Raw, task: Task, image_healthcheck: Raw | None) -> Raw:
        """What the engine's inspect does not know of a task: its health and check, its ports in host mode,
        the image as it was written."""
        ports = [port for port in host_ports(task) if port.published]
        state, config = dict(container.get("State") or {}), dict(container.get("Config") or {})
        if (health := self.health.health(task.id)) is not None:
            state["Health"] = health.docker()
        config.pop("Healthcheck", None)
        config["Labels"] = without_own(config.get("Labels") or {})
        if (check := own_healthcheck(task, image_healthcheck)) is not None:
            config["Healthcheck"] = check
        spec = task.spec.typed.container_spec
        config["Image"] = spec.image or config.get("Image", "")
        settings, host = dict(container["NetworkSettings"]), dict(container.get("HostConfig") or {})
        host["Isolation"] = spec.isolation or "default"
        host["PortBindings"] = host.get("PortBindings") or {}
        host["Ulimits"] = host.get("Ulimits") or []
        host["Dns"] = spec.dns_config.nameservers or None
        if ports:
            keys = [f"{port.target}/{port.protocol}" for port in ports]
            config["ExposedPorts"] = {**(config.get("ExposedPorts") or {}), **{key: {} for key in keys}}
            requested = [replace(port, published=0) if port in task.ports else port for port in ports]
            host["PortBindings"] = _bindings(zip(keys, requested, strict=True), [""])
            if state.get("Running"):
                both = _bindings(zip(keys, ports, strict=True), ["0.0.0.0", "::"])
                settings["Ports"] = {**(settings.get("Ports") or {}), **both}
        parts = {"State": state, "Config": config, "HostConfig": host, "NetworkSettings": settings}
        return {**container, **parts}

    def _host_config(self, container: Raw, task: Task | None) -> Raw:
        shown = self._mode(container["HostConfig"], task)
        for key in ("Binds", "Mounts"):
            if container["HostConfig"].get(key):
                others = self._without_own_files(container["HostConfig"][key])
                shown[key] = others or (None if key == "Binds" else [])
        if shown.get("Mounts") == []:
            del shown["Mounts"]
        legs = {network.leg for network in self._joined(container)}
        if container["HostConfig"].get("Dns") and set(container["HostConfig"]["Dns"]) <= legs:
            shown["Dns"] = None if task is not None else []
        return shown

    # ---- pieces

    def _joined(self, container: Raw) -> list[Network]:
        names = (container.get("NetworkSettings") or {}).get("Networks") or {}
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
        return None if mounts is None else self._without_own_files(mounts)

    def _without_own_files(self, entries: list[Any]) -> list[Any]:
        """Mounts (objects, or `source:target` texts) without the files of tasks."""
        return [
            entry
            for entry in entries
            if not self._is_own_file(str(entry.get("Source", "") if isinstance(entry, dict) else entry))
        ]

    def _is_own_file(self, path: str) -> bool:
        """Whether this is a file that skerry gave to a task."""
        return any(path.startswith(f"{folder.rstrip('/')}/") for folder in self.file_dirs)


def _endpoint(endpoint: Raw, network: Network) -> Raw:
    """An endpoint on an overlay network: its address was assigned, and it leads nowhere else."""
    if network.node_local:
        return {**endpoint, "IPAMConfig": endpoint.get("IPAMConfig") or {}, "NetworkID": network.id}
    own = {family.key: endpoint.get(family.shown_key) for family in FAMILIES}
    assigned = {key: address for key, address in own.items() if address} or endpoint.get("IPAMConfig")
    without = {"Gateway": "", **({"IPv6Gateway": ""} if "IPv6Gateway" in endpoint else {})}
    return {**endpoint, "IPAMConfig": assigned, "NetworkID": network.id, **without}


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
    bindings: dict[str, list[Raw]] = {}
    for key, port in pairs:
        entries = [{"HostIp": address, "HostPort": str(port.published or "")} for address in addresses]
        bindings.setdefault(key, []).extend(entries)
    return bindings
