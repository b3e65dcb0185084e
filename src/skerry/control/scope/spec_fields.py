"""Which fields of a body who may deploy one stack may use: those that are named here, and no others.

A field that comes new to the API is refused until it is named here, and so is one that nobody knows: the
engine might read it. What a value of a field may be is in `service_rules` and `object_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skerry.model.shapes import FIELDS

_ALL = "*"
"""Every field that is declared."""

_WORDS = {
    "swarm.ServiceSpec": "Name Labels TaskTemplate Mode UpdateConfig RollbackConfig Networks EndpointSpec",
    "swarm.TaskSpec": (
        "ContainerSpec Resources RestartPolicy Placement Networks LogDriver ForceUpdate Runtime"
    ),
    "swarm.ContainerSpec": (
        "Image Labels Command Args Hostname Env Dir User Groups Privileges Init StopSignal TTY OpenStdin "
        "ReadOnly Mounts StopGracePeriod Healthcheck Hosts DNSConfig Secrets Configs Isolation Sysctls "
        "CapabilityDrop Ulimits"
    ),
    "swarm.Privileges": "Seccomp AppArmor NoNewPrivileges",
    "swarm.SeccompOpts": "Mode",
    "swarm.AppArmorOpts": "Mode",
    "swarm.ResourceRequirements": "Limits Reservations SwapBytes MemorySwappiness",
    "swarm.Resources": "NanoCPUs MemoryBytes",
    "mount.Mount": "Type Source Target ReadOnly Consistency VolumeOptions TmpfsOptions",
    "mount.VolumeOptions": "NoCopy Labels Subpath",
    "mount.TmpfsOptions": "SizeBytes Mode",
    "swarm.SecretReference": "File SecretID SecretName",
    "swarm.ConfigReference": "File ConfigID ConfigName",
    "swarm.NetworkAttachmentConfig": "Target Aliases",
    "swarm.SecretSpec": "Name Labels Data Templating",
    "swarm.ConfigSpec": "Name Labels Data Templating",
    "types.NetworkCreateRequest": (
        "Name CheckDuplicate Driver Scope EnableIPv4 EnableIPv6 IPAM Internal Attachable Options Labels"
    ),
    "skerry.Volume": "Name Labels",
    **dict.fromkeys(
        (
            "skerry.Stack", "skerry.Source", "container.HealthConfig",
            "swarm.SecretReferenceFileTarget", "swarm.ConfigReferenceFileTarget",
            "swarm.DNSConfig", "units.Ulimit", "swarm.Limit", "swarm.RestartPolicy", "swarm.SpreadOver",
            "swarm.PlacementPreference", "swarm.Platform", "swarm.Placement", "swarm.Driver",
            "swarm.ReplicatedService", "swarm.GlobalService", "swarm.ReplicatedJob", "swarm.GlobalJob",
            "swarm.ServiceMode", "swarm.UpdateConfig", "swarm.PortConfig", "swarm.EndpointSpec",
            "network.IPAM", "network.IPAMConfig",
        ),
        _ALL,
    ),
}  # fmt: skip

USABLE = {
    shape: frozenset(FIELDS.get(shape, ())) if words == _ALL else frozenset(words.split())
    for shape, words in _WORDS.items()
}
"""By the shape of a body or of a part of one."""


def unusable(value: Any, kind: str, path: str = "") -> Iterator[str]:
    """The fields of a body, or of a part of one, that may not be used and say something, by their path."""
    kind = kind.rstrip("?!").removeprefix("*")
    if kind.startswith("[]") and isinstance(value, list):
        for item in value:
            yield from unusable(item, kind[2:], path)
    if kind not in FIELDS or not isinstance(value, dict):
        return
    for name, item in value.items():
        where = f"{path}.{name}".lstrip(".")
        if name not in USABLE.get(kind, ()):
            if _says(item):
                yield where
        elif name in FIELDS[kind]:
            yield from unusable(item, FIELDS[kind][name].type, where)


def _says(value: Any) -> bool:
    """Whether a value is anything but zero, in all of its parts."""
    if isinstance(value, dict):
        return any(map(_says, value.values()))
    return any(map(_says, value)) if isinstance(value, list) else bool(value)
