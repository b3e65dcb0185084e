"""What the swarm says about its one node, read from the engine."""

from __future__ import annotations

from skerry.engine.port import Engine
from skerry.model.objects import Raw

ALWAYS = [("Network", "overlay")]
"""Clients and schedulers ask whether a node can do overlay networks; with skerry it can."""

CAPABILITIES = {"logdriver": "Log", "networkdriver": "Network", "volumedriver": "Volume"}
"""What managed plugins call the types of the others; further capabilities keep their name."""


async def describe(engine: Engine) -> tuple[str, Raw]:
    """The node's hostname and its NodeDescription (SWARM semantics: amounts in billionths and bytes)."""
    info = await engine.get("/info")
    plugins = set(ALWAYS) | await _managed(engine)
    for kind in ("Authorization", "Log", "Network", "Volume"):
        plugins |= {(kind, name) for name in info.get("Plugins", {}).get(kind) or ()}
    description = {
        "Hostname": info["Name"],
        "Platform": {"Architecture": info["Architecture"], "OS": info["OSType"]},
        "Resources": {"NanoCPUs": info["NCPU"] * 1_000_000_000, "MemoryBytes": info["MemTotal"]},
        "Engine": {
            "EngineVersion": info["ServerVersion"],
            "Plugins": [{"Type": kind, "Name": name} for kind, name in sorted(plugins)],
        },
    }
    return str(info["Name"]), description


async def _managed(engine: Engine) -> set[tuple[str, str]]:
    """(type, name) of the plugins that `docker plugin` installed and that are enabled, as `loki:latest`."""
    plugins = set()
    for plugin in await engine.get_list("/plugins"):
        if not plugin.get("Enabled"):
            continue
        for kind in ((plugin.get("Config") or {}).get("Interface") or {}).get("Types") or ():
            prefix, _, capability = str(kind).partition("/")[0].partition(".")
            if prefix == "docker":
                plugins.add((CAPABILITIES.get(capability, capability), str(plugin["Name"])))
    return plugins
