"""The parts of a service in a compose file: container, deploy, ports, mounts."""

from __future__ import annotations

from skerry.cli.outgrow.leftover import SpecReader
from skerry.model.labels import STACK
from skerry.model.objects import Raw

WORDS = {
    "Image": "image",
    "Command": "entrypoint",
    "Args": "command",
    "Hostname": "hostname",
    "Dir": "working_dir",
    "User": "user",
    "StopSignal": "stop_signal",
    "TTY": "tty",
    "OpenStdin": "stdin_open",
    "ReadOnly": "read_only",
    "Init": "init",
    "Isolation": "isolation",
    "Sysctls": "sysctls",
    "CapabilityAdd": "cap_add",
    "CapabilityDrop": "cap_drop",
}
"""Fields of ContainerSpec that a compose file has under another name and in the same form."""
UPDATE_WORDS = {
    "Parallelism": "parallelism",
    "FailureAction": "failure_action",
    "MaxFailureRatio": "max_failure_ratio",
    "Order": "order",
}

CHECK_TIMES = (
    ("Interval", "interval"),
    ("Timeout", "timeout"),
    ("StartPeriod", "start_period"),
    ("StartInterval", "start_interval"),
)


def container(box: SpecReader) -> Raw:
    """What the container is; labels, mounts, configs and secrets are left in `box`."""
    fields = {word: value for name, word in WORDS.items() if (value := box.take(name)) is not None}
    fields["environment"] = _environment(box)
    fields["extra_hosts"] = [line for item in box.take("Hosts") or [] for line in _hosts(item)]
    dns = box.inner("DNSConfig")
    fields |= {"dns": dns.take("Nameservers"), "dns_search": dns.take("Search")}
    if (grace := box.take("StopGracePeriod")) is not None:
        fields["stop_grace_period"] = duration(grace)
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
    fields: Raw = {"test": test} if test else {}
    for name, word in CHECK_TIMES:
        if value := check.take(name):
            fields[word] = duration(value)
    if retries := check.take("Retries"):
        fields["retries"] = retries
    return fields


def deploy(spec: SpecReader, template: SpecReader) -> Raw:
    """How many, where, and how it is updated and restarted."""
    fields = _mode(spec.inner("Mode"))
    if spec.inner("EndpointSpec").take("Mode") == "dnsrr":
        fields["endpoint_mode"] = "dnsrr"
    for name, word in (("UpdateConfig", "update_config"), ("RollbackConfig", "rollback_config")):
        if (config := spec.take(name)) is not None:
            fields[word] = _update(config)
    if policy := template.take("RestartPolicy"):
        fields["restart_policy"] = _restart(policy)
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


def _update(config: Raw) -> Raw:
    fields: Raw = {word: config[name] for name, word in UPDATE_WORDS.items() if name in config}
    fields.setdefault("parallelism", 0)
    for name, word in (("Delay", "delay"), ("Monitor", "monitor")):
        if name in config:
            fields[word] = duration(config[name])
    return fields


def _restart(policy: Raw) -> Raw:
    fields: Raw = {"condition": policy["Condition"]}
    for name, word in (("Delay", "delay"), ("Window", "window")):
        if name in policy:
            fields[word] = duration(policy[name])
    if "MaxAttempts" in policy:
        fields["max_attempts"] = policy["MaxAttempts"]
    return fields


def _quantity(limits: SpecReader) -> Raw:
    """Limits or reservations, in the words of compose."""
    fields: Raw = {}
    if cpus := limits.take("NanoCPUs"):
        fields["cpus"] = f"{cpus / 1e9:.9f}".rstrip("0").rstrip(".")
    if memory := limits.take("MemoryBytes"):
        fields["memory"] = str(memory)
    if pids := limits.take("Pids"):
        fields["pids"] = pids
    kinds = [item["DiscreteResourceSpec"] for item in limits.take("GenericResources") or []]
    if kinds:
        fields["generic_resources"] = [
            {"discrete_resource_spec": {"kind": item["Kind"], "value": item["Value"]}} for item in kinds
        ]
    return fields


def _placement(placement: SpecReader) -> Raw:
    fields: Raw = {}
    if constraints := placement.take("Constraints"):
        fields["constraints"] = constraints
    if preferences := placement.take("Preferences"):
        fields["preferences"] = [{"spread": item["Spread"]["SpreadDescriptor"]} for item in preferences]
    if most := placement.take("MaxReplicas"):
        fields["max_replicas_per_node"] = most
    return fields


def ports(spec: SpecReader) -> list[Raw]:
    """The published ports, long form."""
    return [
        {
            "target": port["TargetPort"],
            **({"published": port["PublishedPort"]} if port.get("PublishedPort") else {}),
            "protocol": port["Protocol"],
            "mode": port["PublishMode"],
        }
        for port in spec.inner("EndpointSpec").take("Ports") or []
    ]


def mounts(stack: str, box: SpecReader, volumes: dict[str, Raw]) -> list[Raw]:
    """The mounts, long form; named volumes are added to `volumes`, the section of the whole file."""
    fields = []
    for raw in box.take("Mounts") or []:
        mount = SpecReader(raw)
        kind = mount.take("Type", "bind")
        entry: Raw = {"type": kind, "target": mount.take("Target")}
        if (source := mount.take("Source")) is not None:
            entry["source"] = source
        if mount.take("ReadOnly"):
            entry["read_only"] = True
        if propagation := mount.inner("BindOptions").take("Propagation"):
            entry["bind"] = {"propagation": propagation}
        if size := mount.inner("TmpfsOptions").take("SizeBytes"):
            entry["tmpfs"] = {"size": size}
        options = mount.inner("VolumeOptions")
        if options.take("NoCopy"):
            entry["volume"] = {"nocopy": True}
        if kind == "volume" and source:
            entry["source"] = _volume(stack, source, options, volumes)
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
