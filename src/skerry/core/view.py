"""A frozen snapshot of the store: what one pass of a decision reads, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

from skerry.model.objects import Cluster, Config, Network, Node, Object, Secret, Service, Task

T = TypeVar("T")


def _empty() -> Mapping[str, T]:
    return MappingProxyType({})


@dataclass(frozen=True)
class View:
    """All objects by ID, at one index. Two views never share changes; reading one is always consistent."""

    index: int = 0
    clusters: Mapping[str, Cluster] = field(default_factory=_empty)
    nodes: Mapping[str, Node] = field(default_factory=_empty)
    networks: Mapping[str, Network] = field(default_factory=_empty)
    services: Mapping[str, Service] = field(default_factory=_empty)
    tasks: Mapping[str, Task] = field(default_factory=_empty)
    configs: Mapping[str, Config] = field(default_factory=_empty)
    secrets: Mapping[str, Secret] = field(default_factory=_empty)

    @property
    def cluster(self) -> Cluster | None:
        """The swarm, if this machine is in one."""
        return next(iter(self.clusters.values()), None)

    @property
    def node(self) -> Node | None:
        """This machine's node, if it is in a swarm."""
        return next(iter(self.nodes.values()), None)

    @cached_property
    def tasks_by_service(self) -> Mapping[str, tuple[Task, ...]]:
        """Tasks of each service ID, oldest first; also those whose service is gone."""
        return _grouped(self.tasks, lambda task: task.service_id)

    def tasks_of(self, service_id: str) -> tuple[Task, ...]:
        """The tasks of a service, oldest first."""
        return self.tasks_by_service.get(service_id, ())


def _grouped(tasks: Mapping[str, Task], key: Callable[[Task], str]) -> Mapping[str, tuple[Task, ...]]:
    groups: dict[str, list[Task]] = {}
    for task in sorted(tasks.values(), key=lambda task: (task.created_at, task.id)):
        groups.setdefault(key(task), []).append(task)
    return {name: tuple(group) for name, group in groups.items()}


COLLECTION_OF: dict[type[Object], str] = {
    Cluster: "clusters",
    Node: "nodes",
    Network: "networks",
    Service: "services",
    Task: "tasks",
    Config: "configs",
    Secret: "secrets",
}
"""Which mapping of a view holds the objects of a type."""
