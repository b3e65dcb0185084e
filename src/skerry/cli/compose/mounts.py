"""The mounts of a service, as Swarm takes them."""

from __future__ import annotations

from typing import Any

from skerry.cli.compose.container_spec import declared, given
from skerry.cli.outgrow.leftover import SpecReader
from skerry.model.labels import STACK
from skerry.model.objects import Raw
from skerry.model.specs import Mount

RECURSIVE = {
    "disabled": "NonRecursive",
    "writable": "ReadOnlyNonRecursive",
    "readonly": "ReadOnlyForceRecursive",
}


def mounts(stack: str, service: SpecReader, volumes: Raw) -> list[Raw]:
    """Every mount; `volumes` is the section of the whole file."""
    return [_mount(stack, SpecReader(entry), volumes) for entry in service.take("volumes") or []]


def _mount(stack: str, entry: SpecReader, volumes: Raw) -> Raw:
    """A mount of the spec. Of the options only those of its own type are taken, so that others are refused as
    unknown."""
    mount = declared(Mount, entry)
    mount["Consistency"] = entry.take("consistency")
    match mount["Type"]:
        case "bind":
            mount["BindOptions"] = _bind(entry.inner("bind"))
        case "volume":
            mount |= _volume(stack, mount.get("Source", ""), entry.inner("volume"), volumes)
        case "tmpfs":
            options = entry.inner("tmpfs")
            mode = options.take("mode")
            size = options.take("size")
            mount["TmpfsOptions"] = given({"SizeBytes": int(size) if size else None, "Mode": _mode(mode)})
        case "image":
            mount["ImageOptions"] = given({"Subpath": entry.inner("image").take("subpath")})
    return given(mount)


def _bind(options: SpecReader) -> Raw:
    fields: Raw = {"Propagation": options.take("propagation")}
    fields["CreateMountpoint"] = options.take("create_host_path") is not False or None
    if word := RECURSIVE.get(options.take("recursive") or ""):
        fields[word] = True
    return given(fields)


def _volume(stack: str, source: str, options: SpecReader, volumes: Raw) -> Raw:
    """A volume's name in the engine, and how it is made there."""
    fields = given({"NoCopy": options.take("nocopy"), "Subpath": options.take("subpath")})
    labels = dict(options.take("labels") or {})
    if not source:
        return {"VolumeOptions": given({**fields, "Labels": labels})}
    declared_volume = volumes.get(source) or {}
    name = declared_volume.get("name") or source
    if not declared_volume.get("external"):
        labels |= {**(declared_volume.get("labels") or {}), STACK: stack}
        driver, driver_options = declared_volume.get("driver"), declared_volume.get("driver_opts")
        if driver or driver_options:
            fields["DriverConfig"] = given({"Name": driver, "Options": texts(driver_options)})
    return {"Source": name, "VolumeOptions": given({**fields, "Labels": labels})}


def created(stack: str, volumes: Raw) -> list[Raw]:
    """Bodies that make the volumes of a file."""
    return [
        given(
            {
                "Name": volume.get("name") or name,
                "Driver": volume.get("driver"),
                "DriverOpts": texts(volume.get("driver_opts")),
                "Labels": {**(volume.get("labels") or {}), STACK: stack},
            }
        )
        for name, volume in ((name, entry or {}) for name, entry in sorted(volumes.items()))
        if not volume.get("external")
    ]


def texts(options: Raw | None) -> dict[str, str]:
    """Options as the API takes them."""
    return {name: str(value) for name, value in (options or {}).items()}


def _mode(mode: Any) -> int | None:
    """Compose writes a mode as text in octal."""
    return int(mode, 8) if isinstance(mode, str) else mode
