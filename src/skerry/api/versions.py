"""Fields that are newer than the engine, or than the version a client speaks: dropped from what it sends."""

from __future__ import annotations

from typing import Any

from skerry.model.api_version import Version
from skerry.model.objects import Raw

_CONTAINER = ("TaskTemplate", "ContainerSpec")
_MOUNTS = (*_CONTAINER, "Mounts")

NEWER: list[tuple[Version, tuple[str, ...]]] = [
    ((1, 40), (*_CONTAINER, "Sysctls")),
    ((1, 40), (*_CONTAINER, "Privileges", "CredentialSpec", "Config")),
    ((1, 40), (*_CONTAINER, "Configs", "Runtime")),
    ((1, 40), ("TaskTemplate", "Placement", "MaxReplicas")),
    ((1, 41), (*_CONTAINER, "CapabilityAdd")),
    ((1, 41), (*_CONTAINER, "CapabilityDrop")),
    ((1, 41), (*_CONTAINER, "Ulimits")),
    ((1, 41), ("TaskTemplate", "Resources", "Limits", "Pids")),
    ((1, 41), ("Mode", "ReplicatedJob")),
    ((1, 41), ("Mode", "GlobalJob")),
    ((1, 44), (*_CONTAINER, "Privileges", "Seccomp")),
    ((1, 44), (*_CONTAINER, "Privileges", "AppArmor")),
    ((1, 44), (*_CONTAINER, "Privileges", "NoNewPrivileges")),
    ((1, 44), (*_CONTAINER, "Healthcheck", "StartInterval")),
    ((1, 46), (*_CONTAINER, "OomScoreAdj")),
    ((1, 46), (*_MOUNTS, "TmpfsOptions", "Options")),
    ((1, 52), ("TaskTemplate", "Resources", "SwapBytes")),
    ((1, 52), ("TaskTemplate", "Resources", "MemorySwappiness")),
]
"""(the version that brought it, where it is)."""

UNKNOWN: list[tuple[Version, tuple[str, ...]]] = [
    ((1, 42), (*_MOUNTS, "BindOptions", "CreateMountpoint")),
    ((1, 42), (*_MOUNTS, "ClusterOptions")),
    ((1, 44), (*_MOUNTS, "BindOptions", "ReadOnlyNonRecursive")),
    ((1, 44), (*_MOUNTS, "BindOptions", "ReadOnlyForceRecursive")),
    ((1, 45), (*_MOUNTS, "VolumeOptions", "Subpath")),
    ((1, 48), (*_MOUNTS, "ImageOptions")),
]
"""The same of what an engine takes from clients of every version, once it knows it."""


def known(spec: Raw, engine: Version) -> Raw:
    """A service spec without what an engine of this version does not know, whatever type it has there."""
    return _before(spec, engine, NEWER + UNKNOWN)


def strip(spec: Raw, version: Version) -> Raw:
    """A service spec without what its sender's version does not have; the argument stays as it is.

    A top-level `Networks`, the place of 1.24, goes on to mean what it meant.
    """
    return _before(spec, version, NEWER)


def _before(spec: Raw, version: Version, fields: list[tuple[Version, tuple[str, ...]]]) -> Raw:
    found = spec
    for since, path in fields:
        if version < since:
            found = without(found, path)
    return found


def without(value: Any, path: tuple[str, ...]) -> Any:
    """A copy of nested objects, and of lists of them, without one member."""
    if isinstance(value, list):
        return [without(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {key: item for key, item in value.items() if key != path[0]}
    return {**value, path[0]: without(value[path[0]], path[1:])}
