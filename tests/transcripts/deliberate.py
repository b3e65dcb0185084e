"""Where skerry answers otherwise than Swarm on purpose; whatever else differs is a mistake."""

from __future__ import annotations

import re
from typing import NamedTuple


class Case(NamedTuple):
    """Where a difference shows (patterns to search for), the reason, and the first engine that shows it."""

    command: str
    request: str
    difference: str
    reason: str
    since: str = "1.41"

    def fits(self, *texts: str) -> bool:
        """Whether it is about this command, request and difference."""
        return all(map(re.search, self[:3], texts))


LIST = [
    Case("", "/info", "LiveRestoreEnabled", "skerry's engine keeps containers while it restarts"),
    Case("", "/info", r"Containerd\.Namespaces", "skerry's engine has namespaces of its own there", "1.51"),
    Case(
        "", "membership", "", "Swarm forgets at a node's first update that it was accepted; skerry does not"
    ),
    Case("", "configs/lower", "Spec.Unknown", "fields that skerry does not know are kept, and come back"),
    Case("network rm open", "", "lb-open|Peers", "Swarm's node lets go of a network a while later"),
    Case("", "networks$", "8 elements wanted", "there is no docker_gwbridge: overlay networks lead out"),
    Case("docker_gwbridge", "", "", "there is no docker_gwbridge: overlay networks lead out"),
    Case(
        "docker (ps|inspect) .*=all",
        "",
        r"\.(bridge|ingress): |IPAddress|IPPrefixLen|Gateway|MacAddress|EndpointID",
        "ports of host mode are the kernel's, and lead by the network ingress",
    ),
    Case("", "", "PreviousSpec", "a rollback goes further back, where Swarm's toggles between two specs"),
    Case("full", "services/", "^Warnings: ", "a volume that two tasks write at once is worth a warning"),
    Case("node ps self", "tasks", "elements wanted", "what a scale-down took leaves no history in its slots"),
    Case(
        "", "", r"PortStatus\.Ports: 2 elements", "a port is told once, not once for IPv4 and once for IPv6"
    ),
    Case("", "distribution/box:1", "", "an image that is here needs no registry, and the CLI no warning"),
]

SOMETIMES = [
    Case("docker inspect", "", "Health.Log", "checks come sooner and more often until the first success"),
    Case(
        "service ps",
        "tasks",
        "Err: nothing wanted, 'nothing listens on",
        "a task in which nothing listens says so",
    ),
    Case("docker inspect", "", "ExecIDs", "a check by exec shows for as long as the engine remembers it"),
]
"""Differences of the same kind that only some runs show."""
