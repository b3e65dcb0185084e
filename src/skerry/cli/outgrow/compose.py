"""A stack as a compose file that `docker stack deploy` makes the same services of.

The inverse of what the docker CLI does with a compose file. Each field that is written is taken out of a copy
of the spec; what is left over at the end has no place in a compose file, and is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from skerry.cli.outgrow import normal
from skerry.cli.outgrow.compose_fields import container, deploy, mounts, ports
from skerry.cli.outgrow.leftover import SpecReader
from skerry.cli.outgrow.snapshot import Snapshot
from skerry.model.labels import MOVED, STACK, STACK_IMAGE
from skerry.model.objects import Raw

POOL_PREFIX = "10."
"""Where Swarm takes subnets from when nobody names one, /24 each."""


@dataclass
class Exported:
    """A compose file as a value; what must exist where it is deployed; what it can't say."""

    file: Raw
    configs: list[str] = field(default_factory=list)
    """Names of configs that the file takes for granted."""
    secrets: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    """Sentences."""

    def needed(self) -> list[tuple[str, list[str]]]:
        """What must be there first: kind and names."""
        kinds = (("networks", self.networks), ("configs", self.configs), ("secrets", self.secrets))
        return [(kind, names) for kind, names in kinds if names]


@dataclass(frozen=True)
class _Stack:
    """The stack's name, and what there is: for the keys that things have within the file."""

    name: str
    snapshot: Snapshot

    def key(self, kind: str, name: str) -> str:
        """The short name, unless another thing of this kind (e.g. `networks`) is called so."""
        short = name.removeprefix(f"{self.name}_")
        return name if short in getattr(self.snapshot, kind) else short

    def owns(self, labels: dict[str, str] | None) -> bool:
        """Whether these are the labels of something of its own."""
        return (labels or {}).get(STACK) == self.name


def export(name: str, snapshot: Snapshot, files: dict[str, str] | None = None) -> Exported:
    """The compose file of the stack `name`. `files` are the paths of configs whose content lies beside it."""
    stack, result = _Stack(name, snapshot), Exported({})
    volumes: dict[str, Raw] = {}
    services = {}
    for full, service in snapshot.services.items():
        short = full.removeprefix(f"{name}_")
        if short == full:
            result.losses.append(f"{full}: a stack {name} calls its services {name}_…, so it is left out")
        else:
            services[short] = _service(stack, full, service["Spec"], volumes, result)
    sections: dict[str, Raw] = {
        "services": services,
        "networks": _networks(stack, result),
        "volumes": volumes,
        "configs": _files(stack, "configs", files or {}, result.configs),
        "secrets": _files(stack, "secrets", {}, result.secrets),
    }
    written = {section: entries for section, entries in sections.items() if entries}
    result.file = {"version": _version(services), **_escaped(written)}
    return result


def _version(services: Raw) -> str:
    """The oldest one that has it all."""
    checks = [service.get("healthcheck", {}) for service in services.values()]
    return "3.12" if any("start_interval" in check for check in checks) else "3.9"


def _service(stack: _Stack, name: str, raw: Raw, volumes: dict[str, Raw], result: Exported) -> Raw:
    """One service of the file: its container, what it is attached to, and below `deploy` the rest. What has
    no place in a compose file goes to the losses."""
    spec = SpecReader(normal.service(raw))
    spec.take("Name")
    template = spec.inner("TaskTemplate")
    box = template.inner("ContainerSpec")
    fields = container(box)
    fields["labels"] = _own_labels(box.take("Labels"))
    if driver := template.take("LogDriver"):
        fields["logging"] = {"driver": driver.get("Name", ""), "options": driver.get("Options") or {}}
    fields["networks"] = _attachments(stack, name, template)
    fields["ports"] = ports(spec)
    fields["volumes"] = mounts(stack.name, box, volumes)
    for kind in ("Config", "Secret"):
        fields[f"{kind.lower()}s"] = [
            _reference(stack, kind, reference)
            for reference in box.take(f"{kind}s") or []
            if _is_file(kind, reference, box)
        ]
    fields["deploy"] = deploy(spec, template)
    if labels := _own_labels(spec.take("Labels")):
        fields["deploy"]["labels"] = labels
    result.losses += [f"{name}: a compose file can't say {path}" for path in spec.left()]
    if not fields["networks"]:
        result.losses.append(f"{name}: is on no network; in a stack it will be on {stack.name}_default")
    return {key: value for key, value in fields.items() if value not in ([], {}, None)}


def _attachments(stack: _Stack, name: str, template: SpecReader) -> Raw:
    """The networks; the short name is an alias anyway."""
    fields: Raw = {}
    for attached in template.take("Networks") or []:
        entry = SpecReader(attached)
        target = entry.take("Target")
        aliases = [
            alias for alias in entry.take("Aliases") or [] if alias != name.removeprefix(f"{stack.name}_")
        ]
        fields[stack.key("networks", target)] = {"aliases": aliases} if aliases else {}
        for path in entry.left():
            template.lose(f"Networks.{path} of {target}")
    return fields


def _is_file(kind: str, reference: Raw, box: SpecReader) -> bool:
    if "File" not in reference:
        box.lose(f"{kind}s {reference[f'{kind}Name']}, which is no file")
    return "File" in reference


def _reference(stack: _Stack, kind: str, reference: Raw) -> Raw:
    file, source = reference["File"], stack.key(f"{kind.lower()}s", reference[f"{kind}Name"])
    owner = {key: file[word] for key, word in (("uid", "UID"), ("gid", "GID")) if file.get(word)}
    return {"source": source, "target": file.get("Name", ""), **owner, "mode": file.get("Mode", 0)}


def _networks(stack: _Stack, result: Exported) -> Raw:
    """The stack's own networks; those of others, and predefined ones such as `host`, must be there."""
    networks: Raw = {}
    for name, network in stack.snapshot.networks.items():
        if stack.owns(network.get("Labels")):
            networks[stack.key("networks", name)] = _network(stack, name, network)
        else:
            networks[stack.key("networks", name)] = {"external": True, "name": name}
            result.networks.append(name)
    templates = (service["Spec"]["TaskTemplate"] for service in stack.snapshot.services.values())
    used = {attached["Target"] for template in templates for attached in template.get("Networks") or []}
    for name in sorted(used - set(stack.snapshot.networks)):
        networks[stack.key("networks", name)] = {"external": True, "name": name}
    return networks


def _network(stack: _Stack, name: str, network: Raw) -> Raw:
    entry: Raw = {"driver_opts": asked_options(network), "labels": _own_labels(network.get("Labels"))}
    entry |= {"internal": bool(network.get("Internal")), "attachable": bool(network.get("Attachable"))}
    if subnets := [subnet for subnet in asked_subnets(network) if ":" not in subnet]:  # no word for IPv6
        entry["ipam"] = {"config": [{"subnet": subnet} for subnet in subnets]}
    if name != f"{stack.name}_{stack.key('networks', name)}":
        entry["name"] = name
    return {key: value for key, value in entry.items() if value}


def asked_options(network: Raw) -> dict[str, str]:
    """The driver options of a network that a person gave, not the engine."""
    own = "com.docker.network.driver.overlay.vxlanid_list"
    return {key: value for key, value in (network.get("Options") or {}).items() if key != own}


def asked_subnets(network: Raw) -> list[str]:
    """The subnets of a network that a person seems to have chosen.

    The API does not tell a chosen subnet from an allocated one: a /24 of 10.0.0.0/8 counts as allocated.
    """
    configs = (network.get("IPAM") or {}).get("Config") or []
    subnets = [config.get("Subnet", "") for config in configs]
    return [subnet for subnet in subnets if not (subnet.startswith(POOL_PREFIX) and subnet.endswith("/24"))]


def _files(stack: _Stack, kind: str, files: dict[str, str], needed: list[str]) -> Raw:
    """The section of configs or secrets: with a file where there is one, else to be there already."""
    section: Raw = {}
    for name, row in getattr(stack.snapshot, kind).items():
        spec = row["Spec"]
        entry: Raw = {"name": name, "external": True}
        if name in files and stack.owns(spec.get("Labels")):
            templating = (spec.get("Templating") or {}).get("Name")
            entry = {"name": name, "file": files[name], "labels": _own_labels(spec.get("Labels"))}
            entry |= {"template_driver": templating}
        else:
            needed.append(name)
        section[stack.key(kind, name)] = {key: value for key, value in entry.items() if value}
    return section


def _own_labels(labels: dict[str, str] | None) -> dict[str, str]:
    """Labels but for those that the docker CLI and the move write themselves."""
    return {key: value for key, value in (labels or {}).items() if key not in (STACK, STACK_IMAGE, MOVED)}


def _escaped(value: Any) -> Any:
    """With every $ doubled: in a compose file a single one begins a variable."""
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    return value
