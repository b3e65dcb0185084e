"""The parts of a service in a compose file: container, deploy, ports, mounts.

What stands there as it is follows from the declarations of the fields; here is what takes another form.
"""

from __future__ import annotations

from skerry.cli.outgrow.leftover import SpecReader
from skerry.model.declare import Declared, Raw, declared_fields
from skerry.model.labels import STACK
from skerry.model.specs import (
    ContainerSpec,
    DNSConfig,
    Healthcheck,
    Limit,
    Mount,
    Placement,
    PortConfig,
    RestartPolicy,
    UpdateConfig,
)


def declared(struct: type[Declared], reader: SpecReader) -> Raw:
    """The fields of a struct that a compose file has as they are, by the names of their declaration."""
    fields = {}
    for name, (_, go) in declared_fields(struct).items():
        if go.compose and (value := reader.take(name)) is not None:
            fields[go.compose] = duration(value) if go.is_duration else value
    return fields


def container(box: SpecReader) -> Raw:
    """What the container is; labels, mounts, configs and secrets are left in `box`."""
    fields = declared(ContainerSpec, box) | declared(DNSConfig, box.inner("DNSConfig"))
    fields["environment"] = _environment(box)
    fields["extra_hosts"] = [line for item in box.take("Hosts") or [] for line in _hosts(item)]
    fields["healthcheck"] = _healthcheck(box.inner("Healthcheck"))
    fields["ulimits"] = {
        item["Name"]: {"soft": item.get("Soft", 0), "hard": item.get("Hard", 0)}
        for item in box.take("Ulimits") or []
    }
    if credentials := box.inner("Privileges").take("CredentialSpec"):
        fields["credential_spec"] = {name.lower(): value for name, value in credentials.items()}
    return fields


def _environment(box: SpecReader) -> list[str]:
    """`NAME=value`; a name alone, which unsets an image's variable, would be read as the deployer's own."""
    variables = box.take("Env") or []
    for name in (item for item in variables if "=" not in item):
        box.lose(f"Env {name} without a value")
    return [item for item in variables if "=" in item]


def _hosts(line: str) -> list[str]:
    """`IP name…` as `name:IP` for each name."""
    address, *names = line.split()
    return [f"{name}:{address}" for name in names]


def _healthcheck(check: SpecReader) -> Raw:
    test = check.take("Test")
    if test == ["NONE"]:
        return {"disable": True}
    return ({"test": test} if test else {}) | declared(Healthcheck, check)


def deploy(spec: SpecReader, template: SpecReader) -> Raw:
    """How many, where, and how it is updated and restarted."""
    fields = _mode(spec.inner("Mode"))
    if spec.inner("EndpointSpec").take("Mode") == "dnsrr":
        fields["endpoint_mode"] = "dnsrr"
    for name, word in (("UpdateConfig", "update_config"), ("RollbackConfig", "rollback_config")):
        if (config := spec.take(name)) is not None:
            fields[word] = declared(UpdateConfig, SpecReader(config))
    if policy := template.take("RestartPolicy"):
        fields["restart_policy"] = declared(RestartPolicy, SpecReader(policy))
    resources = {
        word: limits
        for name, word in (("Limits", "limits"), ("Reservations", "reservations"))
        if (limits := _quantity(template.inner("Resources").inner(name)))
    }
    fields["resources"] = resources
    fields["placement"] = _placement(template.inner("Placement"))
    return {key: value for key, value in fields.items() if value not in ({}, None)}


def _mode(mode: SpecReader) -> Raw:
    if mode.take("Global") is not None:
        return {"mode": "global"}
    if mode.take("GlobalJob") is not None:
        return {"mode": "global-job"}
    if (job := mode.take("ReplicatedJob")) is not None:
        return {"mode": "replicated-job", "replicas": job["TotalCompletions"]}
    return {"replicas": mode.take("Replicated")["Replicas"]}


def _quantity(limits: SpecReader) -> Raw:
    """Limits or reservations, in the words of compose."""
    fields: Raw = {}
    if cpus := limits.take("NanoCPUs"):
        fields["cpus"] = f"{cpus / 1e9:.9f}".rstrip("0").rstrip(".")
    if memory := limits.take("MemoryBytes"):
        fields["memory"] = str(memory)
    fields |= declared(Limit, limits)
    kinds = [item["DiscreteResourceSpec"] for item in limits.take("GenericResources") or []]
    if kinds:
        fields["generic_resources"] = [
            {"discrete_resource_spec": {"kind": item["Kind"], "value": item["Value"]}} for item in kinds
        ]
    return fields


def _placement(placement: SpecReader) -> Raw:
    fields = declared(Placement, placement)
    if preferences := placement.take("Preferences"):
        fields["preferences"] = [{"spread": item["Spread"]["SpreadDescriptor"]} for item in preferences]
    return fields


def ports(spec: SpecReader) -> list[Raw]:
    """The published ports, long form."""
    return [declared(PortConfig, SpecReader(port)) for port in spec.inner("EndpointSpec").take("Ports") or []]


def mounts(stack: str, box: SpecReader, volumes: dict[str, Raw]) -> list[Raw]:
    """The mounts, long form; named volumes are added to `volumes`, the section of the whole file."""
    fields = []
    for raw in box.take("Mounts") or []:
        mount = SpecReader(raw)
        entry: Raw = {"type": "bind", "target": None} | declared(Mount, mount)
        if propagation := mount.inner("BindOptions").take("Propagation"):
            entry["bind"] = {"propagation": propagation}
        if size := mount.inner("TmpfsOptions").take("SizeBytes"):
            entry["tmpfs"] = {"size": size}
        options = mount.inner("VolumeOptions")
        if options.take("NoCopy"):
            entry["volume"] = {"nocopy": True}
        if entry["type"] == "volume" and "source" in entry:
            entry["source"] = _volume(stack, entry["source"], options, volumes)
        for path in mount.left():
            box.lose(f"{path} of the mount {entry['target']}")
        fields.append(entry)
    return fields


def _volume(stack: str, name: str, options: SpecReader, volumes: dict[str, Raw]) -> str:
    """Declare a volume; its key. The same volume with other options gets a key of its own."""
    labels = options.take("Labels") or {}
    ours = labels.pop(STACK, None) == stack
    driver = options.take("DriverConfig") or {}
    entry: Raw = {"name": name}
    if ours:
        entry |= {"labels": labels} if labels else {}
        entry |= {"driver": driver["Name"]} if driver.get("Name") else {}
        entry |= {"driver_opts": driver["Options"]} if driver.get("Options") else {}
    else:
        entry["external"] = True
    key = short = name.removeprefix(f"{stack}_")
    number = 1
    while volumes.get(key, entry) != entry:
        number += 1
        key = f"{short}-{number}"
    volumes[key] = entry
    return key


def duration(ns: int) -> str:
    """A duration as Go reads it, exactly."""
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)):
        if ns % size == 0:
            return f"{ns // size}{unit}"
    return f"{ns}ns"
