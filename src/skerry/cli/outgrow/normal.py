"""One form for specs that mean the same, so that what was moved can be compared with what is there.

Engines of different age, and skerry, write different defaults into a spec that they store. What is left here
is what a person asked for.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from skerry.model.declare import Raw
from skerry.model.labels import MOVED
from skerry.model.specs import (
    EndpointSpec,
    PortConfig,
    Replicated,
    ReplicatedJob,
    RestartPolicy,
    UpdateConfig,
)

UPDATE = {
    "Parallelism": UpdateConfig().parallelism,
    "FailureAction": UpdateConfig().failure_action,
    "MaxFailureRatio": UpdateConfig().max_failure_ratio,
    "Order": UpdateConfig().order,
}
PORT = {"Protocol": PortConfig().protocol, "PublishMode": PortConfig().publish_mode}
MEANT = {"Replicas", "Parallelism", "Delay", "Monitor", "StopGracePeriod", "Init", "MaxConcurrent"}
"""Fields whose zero (or false) is not the same as their absence."""
KEPT_EMPTY = {"Global", "GlobalJob", "UpdateConfig", "RollbackConfig"}


def service(spec: Raw) -> Raw:
    """A service spec with its defaults filled in and what says nothing left out; references go by name.

    The label MOVED, ForceUpdate (a counter, no wish) and the platforms that a registry told are left out.
    """
    normalized: Raw = json.loads(json.dumps(spec))
    normalized.get("Labels", {}).pop(MOVED, None)
    normalized["Mode"] = _mode(normalized.get("Mode") or {})
    for name in ("UpdateConfig", "RollbackConfig"):
        if normalized.get(name) is not None:
            normalized[name] = {**UPDATE, **_without_zeros(normalized[name])}
    endpoint = normalized.get("EndpointSpec") or {}
    normalized["EndpointSpec"] = {
        "Mode": endpoint.get("Mode") or EndpointSpec().mode,
        "Ports": _ports(endpoint),
    }
    normalized["TaskTemplate"] = _template(normalized["TaskTemplate"])
    cleaned: Raw = _clean(normalized)
    return cleaned


def digest(value: Any) -> str:
    """Twelve digits that stand for a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def _mode(mode: Raw) -> Raw:
    if "Global" in mode or "GlobalJob" in mode:
        return {name: {} for name in ("Global", "GlobalJob") if name in mode}
    if "ReplicatedJob" in mode:
        most = mode["ReplicatedJob"].get("MaxConcurrent", ReplicatedJob().max_concurrent)
        return {"ReplicatedJob": {"MaxConcurrent": most, "TotalCompletions": most, **mode["ReplicatedJob"]}}
    replicas = (mode.get("Replicated") or {}).get("Replicas", Replicated().replicas)
    return {"Replicated": {"Replicas": replicas}}


def _ports(endpoint: Raw) -> list[Raw]:
    ports = [{**PORT, **_without_zeros(port)} for port in endpoint.get("Ports") or []]
    return sorted(ports, key=lambda port: json.dumps(port, sort_keys=True))


def _template(template: Raw) -> Raw:
    """A task template without what differs though it means the same: IDs, orders, defaults."""
    for name in ("ForceUpdate", "Runtime"):
        template.pop(name, None)
    container = template["ContainerSpec"]
    if container.get("Isolation") == "default":
        del container["Isolation"]
    for kind, key in (("Configs", "ConfigName"), ("Secrets", "SecretName")):
        for reference in container.get(kind) or []:
            reference.pop(key.replace("Name", "ID"), None)
        container[kind] = sorted(container.get(kind) or [], key=lambda item: json.dumps(item, sort_keys=True))
    policy = template.get("RestartPolicy")
    if policy is not None:
        template["RestartPolicy"] = {"Condition": RestartPolicy().condition, **_without_zeros(policy)}
    (template.get("Placement") or {}).pop("Platforms", None)
    template["Networks"] = sorted(template.get("Networks") or [], key=lambda item: str(item["Target"]))
    return template


def _without_zeros(values: Raw) -> Raw:
    """Without nulls and empty words."""
    return {name: value for name, value in values.items() if value is not None and value != ""}


def _clean(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if not isinstance(value, dict):
        return value
    cleaned = {name: _clean(item) for name, item in value.items()}
    return {name: item for name, item in cleaned.items() if _says(name, item)}


def _says(name: str, item: Any) -> bool:
    if item is None or item == "":
        return False
    if item == {} or item == []:
        return name in KEPT_EMPTY
    return bool(item) or name in MEANT
