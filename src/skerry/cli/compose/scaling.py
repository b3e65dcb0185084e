"""How many tasks of a service there are, where, and how they are updated and restarted."""

from __future__ import annotations

from typing import Any

from skerry.cli.compose.container_spec import declared, given
from skerry.cli.outgrow.leftover import SpecReader
from skerry.model.objects import Raw
from skerry.model.specs import Limit, Placement, PortConfig, RestartPolicy, UpdateConfig

JOBS = ("replicated-job", "global-job")
RESTARTS = {"no": "none", "always": "any", "unless-stopped": "any", "on-failure": "on-failure"}


def mode(service: SpecReader, deploy: SpecReader, *, completes: bool) -> Raw:
    """Swarm's mode; `completes`: another service waits for this one to end."""
    word = deploy.take("mode") or ("replicated-job" if completes else "replicated")
    scale, replicas = service.take("scale"), deploy.take("replicas")
    count = replicas if replicas is not None else scale
    match word:
        case "global":
            return {"Global": {}}
        case "global-job":
            return {"GlobalJob": {}}
        case "replicated-job":
            total = 1 if count is None else count
            return {"ReplicatedJob": {"MaxConcurrent": total, "TotalCompletions": total}}
        case "replicated":
            return {"Replicated": {"Replicas": 1 if count is None else count}}
    raise ValueError(f"deploy.mode: {word} is none of replicated, global, replicated-job and global-job")


def restart_policy(service: SpecReader, deploy: SpecReader, *, completes: bool) -> Raw:
    """When a task is replaced. What runs to its end for another service is tried once, as by Compose."""
    restart, own = service.take("restart"), deploy.take("restart_policy")
    if own:
        return declared(RestartPolicy, SpecReader(own))
    if not restart:
        return {"Condition": "none"} if completes else {}
    word, _, attempts = str(restart).partition(":")
    if word not in RESTARTS:
        raise ValueError(f"restart: {restart} is none of no, always, unless-stopped and on-failure[:N]")
    return given({"Condition": RESTARTS[word], "MaxAttempts": int(attempts) if attempts else None})


def update_configs(deploy: SpecReader) -> Raw:
    """How it rolls, forth and back."""
    names = (("UpdateConfig", "update_config"), ("RollbackConfig", "rollback_config"))
    return {
        name: {"Parallelism": 1} | declared(UpdateConfig, SpecReader(config))
        for name, key in names
        if (config := deploy.take(key)) is not None
    }


def resources(service: SpecReader, deploy: SpecReader) -> Raw:
    """Limits and reservations; those of deploy win over those of the service itself."""
    whole = deploy.inner("resources")
    limits, reservations = whole.inner("limits"), whole.inner("reservations")
    own = given({"NanoCPUs": _cpus(service.take("cpus")), "MemoryBytes": _bytes(service.take("mem_limit"))})
    pids = service.take("pids_limit")
    own |= {"Pids": int(pids)} if pids else {}
    generic = [
        {"DiscreteResourceSpec": {"Kind": item["kind"], "Value": int(item["value"])}}
        for entry in reservations.take("generic_resources") or []
        if (item := entry.get("discrete_resource_spec"))
    ]
    return given(
        {
            "Limits": own | _quantity(limits) | declared(Limit, limits),
            "Reservations": given({**_quantity(reservations), "GenericResources": generic}),
        }
    )


def _quantity(limits: SpecReader) -> Raw:
    return given({"NanoCPUs": _cpus(limits.take("cpus")), "MemoryBytes": _bytes(limits.take("memory"))})


def _cpus(value: Any) -> int | None:
    """Billionths of a processor."""
    return round(float(value) * 1e9) if value else None


def _bytes(value: Any) -> int | None:
    return int(value) if value else None


def placement(service: SpecReader, deploy: SpecReader) -> Raw:
    """Where its tasks may run."""
    spec = deploy.inner("placement")
    fields = declared(Placement, spec)
    fields["Preferences"] = [
        {"Spread": {"SpreadDescriptor": item["spread"]}} for item in spec.take("preferences") or []
    ]
    if platform := service.take("platform"):
        system, _, architecture = platform.partition("/")
        fields["Platforms"] = [given({"OS": system, "Architecture": architecture.partition("/")[0]})]
    return given(fields)


def endpoint(service: SpecReader, deploy: SpecReader) -> Raw:
    """The published ports, and how the name resolves."""
    ports = [_port(SpecReader(entry)) for entry in service.take("ports") or []]
    ordered = sorted(
        ports, key=lambda port: (port.get("PublishedPort", 0), port["TargetPort"], port["Protocol"])
    )
    return given({"Mode": deploy.take("endpoint_mode"), "Ports": ordered})


def _port(entry: SpecReader) -> Raw:
    published = entry.take("published")
    if published and not str(published).isdigit():
        raise ValueError(
            f"ports: {published}: a range has to be as long on both sides, such as 8000-8001:80-81"
        )
    port: Raw = given({"Name": entry.take("name"), "PublishedPort": int(published) if published else None})
    return {"Protocol": "tcp", "PublishMode": "ingress"} | port | declared(PortConfig, entry)
