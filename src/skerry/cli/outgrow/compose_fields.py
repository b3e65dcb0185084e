"""The parts of a service in a compose file: container, deploy, ports, mounts."""

from __future__ import annotations

from skerry.cli.outgrow.leftover import Spec
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


def container(box: Spec) -> Raw:
    """What the container is; labels, mounts, configs and secrets are left in `box`."""
    found = {word: value for name, word in WORDS.items() if (value := box.take(name)) is not None}
    found["environment"] = _environment(box)
    found["extra_hosts"] = [line for one in box.take("Hosts") or [] for line in _hosts(one)]
    dns = box.inner("DNSConfig")
    found |= {"dns": dns.take("Nameservers"), "dns_search": dns.take("Search")}
    if (grace := box.take("StopGracePeriod")) is not None:
        found["stop_grace_period"] = duration(grace)
    found["healthcheck"] = _healthcheck(box.inner("Healthcheck"))
    found["ulimits"] = {
        one["Name"]: {"soft": one.get("Soft", 0), "hard": one.get("Hard", 0)}
        for one in box.take("Ulimits") or []
    }
    if credentials := box.inner("Privileges").take("CredentialSpec"):
        found["credential_spec"] = {name.lower(): value for name, value in credentials.items()}
    return found


def _environment(box: Spec) -> list[str]:
    """`NAME=value`; a name alone, which unsets an image's variable, would be read as the deployer's own."""
    given = box.take("Env") or []
    for name in (one for one in given if "=" not in one):
        box.lose(f"Env {name} without a value")
    return [one for one in given if "=" in one]


def _hosts(line: str) -> list[str]:
    """`IP name…` as `name:IP` for each name."""
    address, *names = line.split()
    return [f"{name}:{address}" for name in names]


def _healthcheck(check: Spec) -> Raw:
    test = check.take("Test")
    if test == ["NONE"]:
        return {"disable": True}
    found: Raw = {"test": test} if test else {}
    for name, word in CHECK_TIMES:
        if value := check.take(name):
            found[word] = duration(value)
    if retries := check.take("Retries"):
        found["retries"] = retries
    return found


def deploy(spec: Spec, template: Spec) -> Raw:
    """How many, where, and how it is updated and restarted."""
    found = _mode(spec.inner("Mode"))
    if spec.inner("EndpointSpec").take("Mode") == "dnsrr":
        found["endpoint_mode"] = "dnsrr"
    for name, word in (("UpdateConfig", "update_config"), ("RollbackConfig", "rollback_config")):
        if (config := spec.take(name)) is not None:
            found[word] = _update(config)
    if policy := template.take("RestartPolicy"):
        found["restart_policy"] = _restart(policy)
    resources = {
        word: limits
        for name, word in (("Limits", "limits"), ("Reservations", "reservations"))
        if (limits := _quantity(template.inner("Resources").inner(name)))
    }
    found["resources"] = resources
    found["placement"] = _placement(template.inner("Placement"))
    return {key: value for key, value in found.items() if value not in ({}, None)}


def _mode(mode: Spec) -> Raw:
    if mode.take("Global") is not None:
        return {"mode": "global"}
    if mode.take("GlobalJob") is not None:
        return {"mode": "global-job"}
    if (job := mode.take("ReplicatedJob")) is not None:
        return {"mode": "replicated-job", "replicas": job["TotalCompletions"]}
    return {"replicas": mode.take("Replicated")["Replicas"]}


def _update(config: Raw) -> Raw:
    found: Raw = {word: config[name] for name, word in UPDATE_WORDS.items() if name in config}
    found.setdefault("parallelism", 0)
    for name, word in (("Delay", "delay"), ("Monitor", "monitor")):
        if name in config:
            found[word] = duration(config[name])
    return found


def _restart(policy: Raw) -> Raw:
    found: Raw = {"condition": policy["Condition"]}
    for name, word in (("Delay", "delay"), ("Window", "window")):
        if name in policy:
            found[word] = duration(policy[name])
    if "MaxAttempts" in policy:
        found["max_attempts"] = policy["MaxAttempts"]
    return found


def _quantity(limits: Spec) -> Raw:
    found: Raw = {}
    if cpus := limits.take("NanoCPUs"):
        found["cpus"] = f"{cpus / 1e9:.9f}".rstrip("0").rstrip(".")
    if memory := limits.take("MemoryBytes"):
        found["memory"] = str(memory)
    if pids := limits.take("Pids"):
        found["pids"] = pids
    kinds = [one["DiscreteResourceSpec"] for one in limits.take("GenericResources") or []]
    if kinds:
        found["generic_resources"] = [
            {"discrete_resource_spec": {"kind": one["Kind"], "value": one["Value"]}} for one in kinds
        ]
    return found


def _placement(placement: Spec) -> Raw:
    found: Raw = {}
    if constraints := placement.take("Constraints"):
        found["constraints"] = constraints
    if preferences := placement.take("Preferences"):
        found["preferences"] = [{"spread": one["Spread"]["SpreadDescriptor"]} for one in preferences]
    if most := placement.take("MaxReplicas"):
        found["max_replicas_per_node"] = most
    return found


def ports(spec: Spec) -> list[Raw]:
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


def mounts(stack: str, box: Spec, volumes: dict[str, Raw]) -> list[Raw]:
    """The mounts, long form; named volumes are added to `volumes`, the section of the whole file."""
    found = []
    for raw in box.take("Mounts") or []:
        mount = Spec(raw)
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
        found.append(entry)
    return found


def _volume(stack: str, name: str, options: Spec, volumes: dict[str, Raw]) -> str:
    """Declare a volume; its key. The same volume with other options gets a key of its own."""
    labels = options.take("Labels") or {}
    ours = labels.pop("com.docker.stack.namespace", None) == stack
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
