"""The story's stack as tests see it."""

from __future__ import annotations

from typing import Any

from harness.world import World

FIREWALL = """
table inet firewall {
    chain input {
        type filter hook input priority 0; policy drop;
        tcp dport 80 accept
        meta l4proto icmpv6 accept
    }
}
"""
"""Nothing gets into the machine but the published port, not even answers; IPv6 needs its neighbours."""

WEB, APP, STRANGER = "story_web", "story_app", "stranger"


def running(world: World, service: str) -> list[dict[str, Any]]:
    """A service's tasks that run."""
    return [task for task in world.api().live(service) if task["Status"]["State"] == "running"]


def containers(world: World, service: str) -> set[str]:
    """IDs of a service's running containers."""
    return {one["Id"] for one in world.api().containers(service)}
