"""Where skerry answers otherwise than Swarm on purpose; whatever else differs is a mistake."""

from __future__ import annotations

LIST: list[tuple[str, str, str, str]] = [
    # command, request, difference: each a pattern to search for; the reason
    ("", "/info", "LiveRestoreEnabled", "skerry's engine keeps containers while it restarts"),
    ("", "membership", "", "Swarm forgets at a node's first update that it was accepted; skerry does not"),
    ("", "configs/lower", "Spec.Unknown", "fields that skerry does not know are kept, and come back"),
    ("network rm open", "", "lb-open|Peers", "Swarm's node lets go of a network a while later"),
    ("", "networks$", "8 elements wanted", "there is no docker_gwbridge: overlay networks lead out"),
    ("docker_gwbridge", "", "", "there is no docker_gwbridge: overlay networks lead out"),
    (
        "docker (ps|inspect) .*=all",
        "",
        r"\.(bridge|ingress): |IPAddress|IPPrefixLen|Gateway|MacAddress|EndpointID",
        "ports of host mode are the kernel's, and lead by the network ingress",
    ),
    ("", "", "PreviousSpec", "a rollback goes further back, where Swarm's toggles between two specs"),
    ("full", "services/", "^Warnings: ", "a volume that two tasks write at once is worth a warning"),
    ("node ps self", "tasks", "elements wanted", "what a scale-down took leaves no history in its slots"),
    ("", "", r"PortStatus\.Ports: 2 elements", "a port is told once, not once for IPv4 and once for IPv6"),
    ("", "", "VirtualIPs: 2 elements wanted", "published ports lead by the service's own network"),
    ("TargetPort.:0", "", "", "no container has a port 0"),
    ("", "distribution/box:1", "", "an image that is here needs no registry, and the CLI no warning"),
]

SOMETIMES: list[tuple[str, str, str, str]] = [
    ("docker inspect", "", "Health.Log", "checks come sooner and more often until the first success"),
    ("docker inspect", "", "ExecIDs", "a check by exec shows for as long as the engine remembers it"),
]
"""Differences of the same kind that only some runs show."""
