"""The nodes of the swarm to move to, and the engines behind them, which images are loaded on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from skerry.cli import client
from skerry.cli.client import DockerClient, Refused
from skerry.model.api_version import read_version
from skerry.model.objects import Raw


class Unsuitable(Exception):
    """What was named can't be moved to, or from; the message is a sentence that says what to do."""


@dataclass
class RemoteSwarm:
    """A manager, and the engines of its nodes as far as they can be reached."""

    manager: DockerClient
    info: Raw
    api: tuple[int, int]
    nodes: dict[str, Raw]
    """By name: see `by_name`."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Docker contexts or hosts by node, as the user named them; else the context called like the node."""
    _engines: dict[str, DockerClient] = field(default_factory=dict)

    def ready(self) -> Iterator[str]:
        """Names of the nodes that are up."""
        return (name for name, node in self.nodes.items() if node["Status"]["State"] == "ready")

    def engine(self, node: str) -> DockerClient:
        """The engine of a node. Raises Unsuitable where none is known, or another answers; Unreachable."""
        if node not in self._engines:
            self._engines[node] = self._connect(node)
        return self._engines[node]

    def close(self) -> None:
        """Hang up everywhere."""
        for engine in (self.manager, *self._engines.values()):
            engine.close()

    def _connect(self, node: str) -> DockerClient:
        """A client of a node's engine, checked to be that node. Raises Unsuitable where no way leads to
        it."""
        own = self.nodes[node]["ID"]
        if own == self.info["Swarm"]["NodeID"]:
            return self.manager
        place = self.places.get(node) or (node if node in client.contexts() else "")
        if not place:
            raise Unsuitable(
                f"no way to the engine of node {node} is known: name it with --node {node}=CONTEXT|HOST, "
                "or a registry that all nodes reach with --registry"
            )
        engine = client.at(place)
        engine.name = f"{node} ({place})"
        if engine.get("/info")["Swarm"].get("NodeID") != own:
            raise Unsuitable(f"--node {node}={place}: the engine there is not that node of this swarm")
        return engine


def at(place: str, places: Mapping[str, str]) -> RemoteSwarm:
    """The swarm whose manager is at a docker context or host. Raises Unsuitable, Unreachable."""
    manager = client.at(place)
    try:
        info = manager.get("/info")
        check_manager(place, info)
        version = manager.get("/version")
        nodes = by_name(manager.get("/nodes"))
    except Refused as refused:
        raise Unsuitable(f"{place}: {refused}") from refused
    for node in sorted(set(places) - set(nodes)):
        raise Unsuitable(f"--node {node}: no such node there; there are {', '.join(nodes)}")
    return RemoteSwarm(manager, info, read_version(version["ApiVersion"]), nodes, places)


def by_name(nodes: list[Raw]) -> dict[str, Raw]:
    """Nodes by their hostname; those that share one by their ID."""
    hostnames = Counter(node["Description"]["Hostname"] for node in nodes)
    named = [(node["Description"]["Hostname"], node) for node in nodes]
    unique = {name if hostnames[name] == 1 else node["ID"]: node for name, node in named}
    return dict(sorted(unique.items()))


def check_manager(place: str, info: Raw) -> None:
    """Raises Unsuitable where this engine does not speak for a swarm."""
    swarm = info["Swarm"]
    match swarm["LocalNodeState"], swarm.get("ControlAvailable"):
        case "active", True:
            return
        case "active", _:
            managers = [manager["Addr"] for manager in swarm.get("RemoteManagers") or []]
            known = f" (of {', '.join(managers)})" if managers else ""
            raise Unsuitable(f"{place} is a worker of its swarm: name a manager{known}")
        case "locked", _:
            raise Unsuitable(f"the swarm of {place} is locked: docker swarm unlock")
        case "inactive", _:
            raise Unsuitable(f"{place} is not in swarm mode: docker swarm init there, or docker swarm join")
        case state, _:
            raise Unsuitable(
                f"the swarm of {place} is in state {state}: {swarm.get('Error') or 'see its log'}"
            )
