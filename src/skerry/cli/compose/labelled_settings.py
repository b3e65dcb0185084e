"""What a service says of its container that Swarm's API has no field for: labels of the container."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skerry.cli.compose.keys import KEYS, How
from skerry.cli.outgrow.leftover import SpecReader
from skerry.model.label_values import items
from skerry.model.objects import Raw

SERVICE = "services.*."
ORDER = "depends_on"


def settings(service: SpecReader, folder: Path) -> dict[str, str]:
    """The labels. `folder` is where a seccomp profile is looked for. Raises OSError where it is not there."""
    labels: dict[str, str] = {}
    for name, label in _NAMES.items():
        owner, _, key = name.rpartition(".")
        value = (service.inner(owner) if owner else service).take(key)
        if value in (None, "", [], {}, False):
            continue
        if key == "security_opt":
            value = [_security(option, folder) for option in value]
        labels |= _TEXTS.get(key, _plain)(label, value)
    requests = service.inner("deploy").inner("resources").inner("reservations").take("devices")
    return {**labels, **(_requests("skerry.gpus", requests) if requests else {})}


def _plain(label: str, value: Any) -> dict[str, str]:
    """A word, a number, a list of texts or a map of texts, as the label's reader takes it."""
    if isinstance(value, bool):
        return {label: str(value).lower()}
    if isinstance(value, list):
        return {label: _list([str(item) for item in value])}
    if isinstance(value, dict):
        return {label: json.dumps({key: str(item) for key, item in value.items()})}
    return {label: str(int(value) if isinstance(value, float) and value.is_integer() else value)}


def _list(texts: list[str]) -> str:
    """With commas between, where that is read as it was meant."""
    line = ",".join(texts)
    return line if items(line) == texts else json.dumps(texts)


def _devices(label: str, devices: list[Raw]) -> dict[str, str]:
    """Devices of the machine, and names of CDI devices, which stand in the same list."""
    plain = [device for device in devices if device["source"].startswith("/")]
    named = [device["source"] for device in devices if not device["source"].startswith("/")]
    words = [
        ":".join(
            (device["source"], device.get("target") or device["source"], device.get("permissions") or "rwm")
        )
        for device in plain
    ]
    return {
        **({label: _list(words)} if words else {}),
        **({f"{label}.cdi": _list(named)} if named else {}),
    }


def _requests(label: str, requests: list[Raw]) -> dict[str, str]:
    """The engine's device requests; without a count and names, all that there are."""
    listed = []
    for request in requests:
        names = request.get("device_ids") or []
        count = request.get("count")
        listed.append(
            {
                "Driver": request.get("driver") or "",
                "Count": 0 if names else -1 if count in (None, "all") else int(count),
                "DeviceIDs": names,
                "Capabilities": [request.get("capabilities") or ["gpu"]],
                "Options": request.get("options") or {},
            }
        )
    return {label: json.dumps(listed)}


def _rates(label: str, limits: list[Raw]) -> dict[str, str]:
    return {label: _list([f"{limit['path']}:{limit.get('rate', limit.get('weight'))}" for limit in limits])}


def _tmpfs(label: str, entries: list[str] | str) -> dict[str, str]:
    paths = [entries] if isinstance(entries, str) else entries
    return {label: ",".join(paths)}


def _network(label: str, mode: str) -> dict[str, str]:
    """The other modes are networks (`cli.compose.networks`)."""
    return {label: mode} if mode == "none" else {}


def _hooks(label: str, hooks: list[Raw]) -> dict[str, str]:
    """Each as it stands, variables as text; Compose has put in the values of those that have none."""
    listed = []
    for hook in hooks:
        variables = {
            name: str(value) for name, value in (hook.get("environment") or {}).items() if value is not None
        }
        listed.append({**hook, **({"environment": variables} if "environment" in hook else {})})
    return {label: json.dumps(listed, sort_keys=True)} if listed else {}


def _security(option: str, folder: Path) -> str:
    """With the content of a seccomp profile in the place of its file's name, as the docker CLI sends it."""
    word, separator, value = option.partition("=" if "=" in option else ":")
    if word != "seccomp" or value in ("unconfined", "builtin"):
        return f"{word}={value}" if separator else word
    return f"seccomp={json.dumps(json.loads((folder / value).read_text(encoding='utf-8')))}"


_TEXTS: dict[str, Callable[[str, Any], dict[str, str]]] = {
    "devices": _devices,
    "gpus": _requests,
    "tmpfs": _tmpfs,
    "network_mode": _network,
    "post_start": _hooks,
    "pre_stop": _hooks,
    "weight_device": _rates,
    **{f"device_{kind}_{unit}": _rates for kind in ("read", "write") for unit in ("bps", "iops")},
}
"""Keys whose value takes another form."""

_NAMES = {
    key.path.removeprefix(SERVICE): key.label
    for key in KEYS.values()
    if key.how is How.LABEL and ".deploy." not in key.path and not key.path.endswith(ORDER)
}
"""The keys of a service that become labels, and which."""
