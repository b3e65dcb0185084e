"""Facts of the machine in an answer: kernel, engine's patch level, runtimes, processors, drivers, and so on.

A transcript has a mark in their place. In a replay each must be what the engine behind skerry says itself, so
a transcript of one machine holds on every other, and a wrong value is noticed all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from tests.transcripts.transcript import Exchange

MARK = "<machine>"
HOST = "<host>"
LOCAL = "<local>"
"""A time in the engine's zone."""

_COUNTED = r"ID|Containers\w*|Images|NFd|NGoroutines|NEventsListener|SystemTime|DockerRootDir"
_SWARMS = r"Name|Swarm|LiveRestoreEnabled|Containerd"
FACTS = {
    r"/info$": rf"(?!(?:{_COUNTED}|{_SWARMS})$)\w+|Containerd\.Address",
    r"/version$": r"(?!(?:ApiVersion|MinAPIVersion)$)\w+",
    r"/nodes(/[^/]+)?(\?|$)": r"Description\.(Platform|Resources|Engine)",
    r"/containers/[^/]+/json$": r"Driver|GraphDriver|Platform|MountLabel|ProcessLabel|AppArmorProfile"
    r"|HostConfig\.(CgroupnsMode|OomKillDisable|MemorySwap|MemorySwappiness|Runtime|MaskedPaths|ReadonlyPaths)",
}
"""Paths of keys that are such facts, by the target of the GET that tells them; `[]` of a list is left out."""

Look = Callable[[str], Any]
"""What the engine itself answers to a GET of this target."""
Change = Callable[[str, Any], Any]


def marked(told: Exchange) -> Exchange:
    """The exchange with marks in place of the machine's facts."""
    facts = _facts(told)
    body = _replaced(told.told, "", facts, lambda key, fact: MARK) if facts else told.told
    if "/networks" in told.target:
        body = _zoned(body)
    return replace(told, told=body)


def _zoned(networks: Any) -> Any:
    """Networks whose times the engine tells in its own time zone: those that are its alone."""
    if isinstance(networks, list):
        return [_zoned(one) for one in networks]
    if isinstance(networks, dict) and networks.get("Scope") == "local":
        return {**networks, "Created": LOCAL}
    return networks


def filled(recorded: Exchange, target: str, look: Look) -> Exchange:
    """A recorded exchange with what this machine's engine says in place of the marks.

    Which facts there are to tell is the engine's affair, too, and differs from one patch level to the next.
    """
    body, facts = recorded.told, _facts(recorded)
    if MARK in _strings(body) and facts:
        body = _filled(body, "", facts, _engine_answer(target, look))
    if HOST in " ".join(_strings(body)):
        name = str(look("/info")["Name"])
        body = _replaced_text(body, HOST, name)
    return replace(recorded, told=body)


def tells(target: str) -> bool:
    """Whether a GET of this target tells facts of the machine."""
    return bool(_facts(Exchange("GET", target, status=200)))


def changed(target: str, told: Any, change: Change) -> Any:
    """An answer in which each fact is what `change` makes of its key and its value."""
    facts = _facts(Exchange("GET", target, status=200))
    return _replaced(told, "", facts, change) if facts else told


def _facts(told: Exchange) -> str:
    if told.method != "GET" or told.status != 200:
        return ""
    return next((facts for target, facts in FACTS.items() if re.search(target, told.target)), "")


def _engine_answer(target: str, look: Look) -> Any:
    """The engine's own answer; of nodes, which it does not know, what Swarm makes of its /info."""
    if not re.search(r"/nodes(/|\?|$)", target):
        return look(target)
    info = look("/info")
    plugins = [
        {"Type": kind, "Name": name}
        for kind in ("Log", "Network", "Volume")
        for name in sorted(info["Plugins"][kind])
    ]
    return {
        "Description": {
            "Platform": {"Architecture": info["Architecture"], "OS": info["OSType"]},
            "Resources": {"NanoCPUs": info["NCPU"] * 10**9, "MemoryBytes": info["MemTotal"]},
            "Engine": {"EngineVersion": info["ServerVersion"], "Plugins": plugins},
        }
    }


def _replaced(value: Any, path: str, facts: str, change: Change) -> Any:
    if path and re.fullmatch(facts, path):
        return change(path.rpartition(".")[2], value)
    if isinstance(value, list):
        return [_replaced(item, path, facts, change) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, _below(path, key), facts, change) for key, item in value.items()}
    return value


def _filled(value: Any, path: str, facts: str, live: Any) -> Any:
    if isinstance(value, list):
        return [_filled(item, path, facts, live) for item in value]
    if not isinstance(value, dict) or not isinstance(live, dict):
        return value
    kept = {
        key: live[key] if item == MARK else _filled(item, _below(path, key), facts, live.get(key))
        for key, item in value.items()
        if item != MARK or key in live
    }
    more = {key: item for key, item in live.items() if re.fullmatch(facts, _below(path, key))}
    return {**more, **kept}


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _replaced_text(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key.replace(old, new): _replaced_text(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced_text(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def _strings(value: Any) -> Iterable[str]:
    return list(_walked(value))


def _walked(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _walked(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walked(item)
    elif isinstance(value, str):
        yield value
