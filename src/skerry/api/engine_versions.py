"""What newer Docker Engines answer otherwise, by the version of their API that brought it.

skerry follows the engine that it has: `call.facts.has(engine_versions.BODIES)`. What depends on the version
that a client speaks is in `versions`; on the Go that the engine was built with, in `gojson` and
`control.mismatch`.
"""

from __future__ import annotations

from skerry.model.api_version import Version

BODIES: Version = (1, 42)
"""No body is all zero. One must be called JSON, a wrong one is `invalid JSON`, nothing comes behind it."""

FILTERS: Version = (1, 42)
"""What is no filter is `invalid filter` (400), whatever is wrong with it."""

SWARM_IN_PING: Version = (1, 42)
"""A ping tells the part in the swarm."""

LOG_TYPES: Version = (1, 42)
"""Logs have a Content-Type."""

CLUSTER_VOLUMES: Version = (1, 42)
"""Tasks have `Volumes`, and a volume that the engine does not know is looked for in the swarm."""

OVERLAY_FORBIDDEN: Version = (1, 43)
"""An overlay network in no swarm is forbidden (403), where it was an error (500)."""

NETWORKS: Version = (1, 44)
"""What is no subnet (in other words than before) and no network's name is the client's mistake (400)."""

DUPLICATES: Version = (1, 44)
"""Two networks of one name are never made, whether the client asks for that or not."""

WARNINGS: Version = (1, 44)
"""A service's creation tells its warnings also where there are none: null."""

BRIDGE_BY_NAME: Version = (1, 45)
"""A container on the default network says `bridge` where it said `default`."""

IPV4_SWITCH: Version = (1, 48)
"""Networks tell whether they have IPv4."""

START_PREFIX: Version = (1, 48)
"""A start that fails for a network says so first."""

RENAMED: list[tuple[Version, str, str]] = [
    ((1, 45), "HealthConfig", "HealthcheckConfig"),
    ((1, 46), "types.NetworkCreateRequest", "network.CreateRequest"),
    ((1, 46), "NetworkCreateRequest", "CreateRequest"),
    ((1, 46), "NetworkCreate.", "CreateOptions."),
]
"""(the version, a Go type's name up to then, and since): they show in what is said of a wrong body."""
