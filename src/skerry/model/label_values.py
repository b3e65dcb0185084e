"""Readers of labels' values that are more than one word: what `docker run` takes for an option of the same
meaning, as the engine's API wants it. Each raises ValueError with a sentence for the user."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_CDI = re.compile(r"[a-z0-9.-]+/[\w.-]+=[\w.:-]+", re.IGNORECASE)


def flag(text: str) -> bool:
    """`true` or `false`."""
    if text not in ("true", "false"):
        raise ValueError(f'"{text}" is neither true nor false')
    return text == "true"


def number(text: str) -> int:
    """An integer."""
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise ValueError(f'"{text}" is not a whole number')
    return int(text)


def size(text: str) -> int:
    """Bytes: `64m`, `1.5gb`, `4096`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is no size: something like 64m, 1g or 4096 is meant')
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()])


def swap(text: str) -> int:
    """Bytes of memory and swap together, or -1 for as much swap as there is."""
    return -1 if text == "-1" else size(text)


def items(text: str) -> list[str]:
    """A list: a JSON array of strings, or with commas between."""
    return _listed(text, ",")


def paths(text: str) -> list[str]:
    """The same, where each begins with a path, and may have commas in it."""
    return _listed(text, r",(?=/)")


def _listed(text: str, separator: str) -> list[str]:
    if not text.startswith("["):
        return [word for part in re.split(separator, text) if (word := part.strip())]
    value = _json(text, "an array of strings")
    if not all(isinstance(item, str) for item in value):
        raise ValueError(f"{text[:60]!r} is no array of strings in JSON")
    return list(value)


def mapping(text: str) -> dict[str, str]:
    """`NAME=VALUE` with commas between, or a JSON object of strings."""
    if text.startswith("{"):
        value = _json(text, "an object of strings")
        if not all(isinstance(item, str) for item in value.values()):
            raise ValueError(f"{text[:60]!r} is no object of strings in JSON")
        return dict(value)
    pairs = [item.partition("=") for item in items(text)]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError(f'"{text}": something like name=value,other=value is meant')
    return {name: value for name, _, value in pairs}


def devices(text: str) -> list[dict[str, Any]]:
    """`PATH[:PATH IN THE CONTAINER[:rwm]]`."""
    return [_device(item) for item in items(text)]


def _device(text: str) -> dict[str, Any]:
    source, *rest = text.split(":")
    if len(rest) == 1 and rest[0] and set(rest[0]) <= set("rwm"):
        rest = [source, rest[0]]
    target, permissions = [*rest, *("", "rwm")[len(rest) :]]
    if not source.startswith("/") or len(rest) > 2 or not set(permissions) <= set("rwm"):
        raise ValueError(f'"{text}" is no device: something like /dev/fuse or /dev/sda:/dev/xvda:rw is meant')
    return {
        "PathOnHost": source,
        "PathInContainer": target or source,
        "CgroupPermissions": permissions or "rwm",
    }


def cdi(text: str) -> list[dict[str, Any]]:
    """Names of CDI devices, `vendor.com/class=name`."""
    names = items(text)
    for name in names:
        if not _CDI.fullmatch(name):
            raise ValueError(f'"{name}" is no CDI device: something like nvidia.com/gpu=0 is meant')
    return [{"Driver": "cdi", "DeviceIDs": names}] if names else []


def requests(text: str) -> list[dict[str, Any]]:
    """`all`, a count of GPUs, or a JSON array of the engine's device requests."""
    if text.startswith("["):
        value = _json(text, "an array of device requests")
        if not all(isinstance(item, dict) for item in value):
            raise ValueError(f"{text[:60]!r} is no array of device requests in JSON")
        return list(value)
    if text != "all" and not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        raise ValueError(f'"{text}" is neither all nor a count nor an array of device requests in JSON')
    return [{"Count": -1 if text == "all" else int(text), "Capabilities": [["gpu"]]}]


def tmpfs(text: str) -> dict[str, str]:
    """`PATH[:OPTIONS]`, options as mount takes them."""
    entries = {path: options for path, _, options in (item.partition(":") for item in paths(text))}
    for path in entries:
        if not path.startswith("/"):
            raise ValueError(f'"{path}" is no absolute path')
    return entries


def limits(word: str, read: Callable[[str], int]) -> Callable[[str], list[dict[str, Any]]]:
    """A reader of `PATH:VALUE`; the value stands below `word`."""

    def limit(text: str) -> dict[str, Any]:
        path, colon, value = text.rpartition(":")
        if not colon or not path.startswith("/"):
            raise ValueError(f'"{text}": something like /dev/sda:{"1mb" if read is size else 500} is meant')
        return {"Path": path, word: read(value)}

    return lambda text: [limit(item) for item in items(text)]


def _json(text: str, meant: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{text[:60]!r} is not {meant} in JSON: {error}") from error
