"""Service specs as people write them, and changes to them in every field."""

from __future__ import annotations

import random
from typing import Any

from skerry.model.labels import STACK
from skerry.model.objects import Raw

SECOND = 1_000_000_000
MEMORY = 1 << 30


def new_spec(chance: random.Random, name: str, networks: list[str], job: bool = False) -> Raw:
    """A new service, or a new job."""
    spec: Raw = {
        "Name": name,
        "TaskTemplate": {"ContainerSpec": {"Image": f"app:{chance.randint(0, 5)}"}},
        "Mode": {"Replicated": {"Replicas": chance.randint(1, 4)}},
    }
    if job:
        spec["Mode"] = _job(chance)
    elif chance.random() < 0.2:
        spec["Mode"] = {"Global": {}}
    if networks and chance.random() < 0.8:
        joined = chance.sample(networks, chance.randint(1, len(networks)))
        spec["TaskTemplate"]["Networks"] = [{"Target": one} for one in joined]
    changes = (
        (restart_policy, grace, health)
        if job
        else (restart_policy, update_config, rollback_config, ports, health, grace)
    )
    for change in changes:
        if chance.random() < 0.6:
            change(chance, spec, 0)
    return spec


def new_stack(chance: random.Random, stack: str, serial: int) -> Raw:
    """A stack of a few services that depend on each other, some of them as they were before."""
    services: list[Raw] = []
    for name, needs in STACK_ORDER:
        if chance.random() < 0.15:
            continue
        there = {one["Name"].removeprefix(f"{stack}_") for one in services}
        spec = new_spec(
            random.Random(serial // chance.choice([1, 1, 3])), f"{stack}_{name}", [], job=name == "job"
        )
        spec.pop("EndpointSpec", None)
        spec["Labels"] = {STACK: stack}
        if name != "db":
            file = {"Name": "f", "UID": "0", "GID": "0", "Mode": 292}
            spec["TaskTemplate"]["ContainerSpec"]["Configs"] = [{"ConfigName": f"{stack}_conf", "File": file}]
        if wanted := [one for one in needs if one.partition(":")[0] in there]:
            spec["Labels"]["skerry.depends_on"] = ", ".join(wanted)
        services.append(spec)
    network = {"Name": f"{stack}_net", "Driver": "overlay"}
    return {
        "Services": services,
        "Networks": [network] if chance.random() < 0.5 else [],
        "Configs": [new_content(chance, stack)],
    }


def new_content(chance: random.Random, stack: str) -> Raw:
    """The stack's config, with one of a few contents."""
    return {
        "Name": f"{stack}_conf",
        "Labels": {STACK: stack},
        "Data": chance.choice(["YQ==", "Yg==", "Yw=="]),
    }


STACK_ORDER = (
    ("db", ()),
    ("job", ("db:healthy",)),
    ("app", ("db:healthy", "job:completed")),
    ("web", ("app:started",)),
)


def _job(chance: random.Random) -> Raw:
    if chance.random() < 0.3:
        return {"GlobalJob": {}}
    return {
        "ReplicatedJob": {"MaxConcurrent": chance.randint(1, 3), "TotalCompletions": chance.randint(1, 5)}
    }


def changed(chance: random.Random, spec: Raw, serial: int, configs: list[str]) -> None:
    """Change something of a spec, in place."""
    if configs and chance.random() < 0.05:
        key = chance.choice(configs)
        reference = {
            "ConfigID": key,
            "ConfigName": "?",
            "File": {"Name": "f", "UID": "0", "GID": "0", "Mode": 292},
        }
        spec["TaskTemplate"]["ContainerSpec"]["Configs"] = [reference]
        return
    chance.choice(CHANGES)(chance, spec, serial)


def image(chance: random.Random, spec: Raw, serial: int) -> None:
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = f"app:{chance.randint(0, 5)}"


def env(chance: random.Random, spec: Raw, serial: int) -> None:
    spec["TaskTemplate"]["ContainerSpec"]["Env"] = [f"N={serial}", "SLOT={{.Task.Slot}}"]


def force(chance: random.Random, spec: Raw, serial: int) -> None:
    spec["TaskTemplate"]["ForceUpdate"] = serial


def labels(chance: random.Random, spec: Raw, serial: int) -> None:
    spec["Labels"] = {"serial": str(serial)}


def container_labels(chance: random.Random, spec: Raw, serial: int) -> None:
    spec["TaskTemplate"]["ContainerSpec"]["Labels"] = {"serial": str(serial)}


def grace(chance: random.Random, spec: Raw, serial: int) -> None:
    period = chance.choice([0, SECOND // 2, SECOND, 5 * SECOND, 20 * SECOND, 70 * SECOND])
    spec["TaskTemplate"]["ContainerSpec"]["StopGracePeriod"] = period


def replicas(chance: random.Random, spec: Raw, serial: int) -> None:
    if "Replicated" in spec["Mode"]:
        spec["Mode"]["Replicated"]["Replicas"] = chance.randint(0, 5)


def health(chance: random.Random, spec: Raw, serial: int) -> None:
    check = {
        "Test": chance.choice([["CMD", "true"], ["CMD-SHELL", "curl -f localhost"], ["NONE"], []]),
        "Interval": chance.choice([1, 2, 5, 10]) * SECOND,
        "Retries": chance.randint(1, 3),
        "StartPeriod": chance.choice([0, 2, 10]) * SECOND,
    }
    spec["TaskTemplate"]["ContainerSpec"]["Healthcheck"] = check


def restart_policy(chance: random.Random, spec: Raw, serial: int) -> None:
    policy: Raw = {"Condition": chance.choice(["any", "any", "on-failure", "none"])}
    if chance.random() < 0.7:
        policy["Delay"] = chance.choice([0, 1, 2, 5, 12]) * SECOND
    if chance.random() < 0.5:
        policy["MaxAttempts"] = chance.randint(0, 3)
    if chance.random() < 0.4:
        policy["Window"] = chance.choice([0, 5, 30]) * SECOND
    spec["TaskTemplate"]["RestartPolicy"] = policy


def resources(chance: random.Random, spec: Raw, serial: int) -> None:
    wanted = {"NanoCPUs": chance.choice([0, SECOND // 2, SECOND]), "MemoryBytes": chance.choice([0, MEMORY])}
    spec["TaskTemplate"]["Resources"] = {"Reservations": wanted}


def placement(chance: random.Random, spec: Raw, serial: int) -> None:
    wanted = chance.choice(["node.labels.zone==a", "node.labels.zone!=b", "node.role==manager", "node.id==x"])
    spec["TaskTemplate"]["Placement"] = {"Constraints": [wanted] if chance.random() < 0.7 else []}


def ports(chance: random.Random, spec: Raw, serial: int) -> None:
    mode = chance.choice(["ingress", "ingress", "host"])
    published = chance.choice([0, 80, 80, 443])
    port = {"Protocol": "tcp", "TargetPort": 8080, "PublishedPort": published, "PublishMode": mode}
    by_vip = mode == "ingress" or chance.random() < 0.5
    more = [{**port, "TargetPort": 9090, "PublishedPort": 0}] if chance.random() < 0.3 else []
    spec["EndpointSpec"] = {"Mode": "vip" if by_vip else "dnsrr", "Ports": [port, *more]}
    if chance.random() < 0.3:
        spec["EndpointSpec"] = {"Mode": chance.choice(["vip", "dnsrr"])}


def update_config(chance: random.Random, spec: Raw, serial: int) -> None:
    spec["UpdateConfig"] = _update(chance)


def rollback_config(chance: random.Random, spec: Raw, serial: int) -> None:
    spec["RollbackConfig"] = _update(chance)


def _update(chance: random.Random) -> dict[str, Any]:
    return {
        "Parallelism": chance.choice([0, 1, 1, 2, 3]),
        "Delay": chance.choice([0, 0, 1, 3, 10]) * SECOND,
        "FailureAction": chance.choice(["pause", "continue", "rollback", "rollback"]),
        "Monitor": chance.choice([0, 1, 2, 5, 20]) * SECOND,
        "MaxFailureRatio": chance.choice([0, 0, 0.3, 0.5, 1]),
        "Order": chance.choice(["stop-first", "start-first"]),
    }


CHANGES = [
    image, image, image, env, force, force, labels, container_labels, grace, replicas, health,
    restart_policy, resources, placement, ports, update_config, update_config, rollback_config,
]  # fmt: skip
