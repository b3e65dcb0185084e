"""What the swarm says about its one node, read from the engine."""

from __future__ import annotations

from skerry.engine.port import Engine
from skerry.model.objects import Raw

ALWAYS = [{"Type": "Network", "Name": "overlay"}]
"""Clients and schedulers ask whether a node can do overlay networks; with skerry it can."""


async def describe(engine: Engine) -> tuple[str, Raw]:
    """The node's hostname and its NodeDescription (SWARM semantics: amounts in billionths and bytes)."""
    info = await engine.get("/info")
    plugins = list(ALWAYS)
    for kind in ("Log", "Network", "Volume"):
        plugins += [{"Type": kind, "Name": name} for name in info.get("Plugins", {}).get(kind) or ()]
    unique = {(one["Type"], one["Name"]): one for one in plugins}
    description = {
        "Hostname": info["Name"],
        "Platform": {"Architecture": info["Architecture"], "OS": info["OSType"]},
        "Resources": {"NanoCPUs": info["NCPU"] * 1_000_000_000, "MemoryBytes": info["MemTotal"]},
        "Engine": {
            "EngineVersion": info["ServerVersion"],
            "Plugins": [unique[key] for key in sorted(unique)],
        },
    }
    return str(info["Name"]), description
