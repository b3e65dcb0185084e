"""Which addresses of our networks a container has, from what the engine shows of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skerry.model.objects import Lease, Network, Raw

TASK_LABEL = "com.docker.swarm.task.id"


def leases_of(seen: Raw, networks: Mapping[str, Network]) -> Iterator[Lease]:
    """The leases of an inspected container that is no task; `networks` are ours, by the engine's names."""
    if TASK_LABEL in ((seen.get("Config") or {}).get("Labels") or {}):
        return
    container, state = str(seen["Id"]), seen.get("State") or {}
    runs = bool(state.get("Running") or state.get("Restarting"))
    for name, endpoint in ((seen.get("NetworkSettings") or {}).get("Networks") or {}).items():
        network, named = (
            networks.get(name),
            ((endpoint or {}).get("IPAMConfig") or {}).get("IPv4Address") or "",
        )
        address = str((endpoint or {}).get("IPAddress") or named)
        if network is not None and address:
            yield Lease(
                f"{container}.{network.id}",
                container,
                network.id,
                address,
                chosen=address == named,
                held=runs,
            )
