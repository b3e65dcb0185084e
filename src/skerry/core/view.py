"""A frozen snapshot of the store: what one pass of a decision reads, and nothing else.

Its mappings are persistent (HAMTs): a view with one object changed shares all the rest with the view before,
so a commit costs the same among ten services and among a thousand. Their order means nothing: who needs one,
sorts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from immutables import Map

from skerry.core.index import Index, with_fields
from skerry.model.files import Config, File, KeptConfig, KeptFile, KeptSecret, Secret
from skerry.model.objects import (
    Cluster,
    Decision,
    FormerAddress,
    Lease,
    Listener,
    Network,
    Node,
    Object,
    Revision,
    Service,
    Task,
    User,
)
from skerry.model.releases import Release


@dataclass(frozen=True)
class View:
    """All objects by ID, as of one commit, whose number is the version. Reading one is always consistent."""

    version: int = 0
    clusters: Mapping[str, Cluster] = Map()
    nodes: Mapping[str, Node] = Map()
    networks: Mapping[str, Network] = Map()
    leases: Mapping[str, Lease] = Map()
    formers: Mapping[str, FormerAddress] = Map()
    services: Mapping[str, Service] = Map()
    tasks: Mapping[str, Task] = Map()
    configs: Mapping[str, Config] = Map()
    secrets: Mapping[str, Secret] = Map()
    kept_configs: Mapping[str, KeptConfig] = Map()
    kept_secrets: Mapping[str, KeptSecret] = Map()
    revisions: Mapping[str, Revision] = Map()
    releases: Mapping[str, Release] = Map()
    decisions: Mapping[str, Decision] = Map()
    users: Mapping[str, User] = Map()
    listeners: Mapping[str, Listener] = Map()
    locked: bool = False
    """What is secret is empty here, and nothing may change, until the swarm is unlocked."""
    derived: Index | None = field(default=None, compare=False, repr=False)
    """What is looked up by something other than an ID; made of the rest where it is not given."""

    def __post_init__(self) -> None:
        for name in COLLECTION_OF.values():
            collection = getattr(self, name)
            if not isinstance(collection, Map):
                object.__setattr__(self, name, Map(collection))
        if self.derived is None:
            everything = (obj for name in COLLECTION_OF.values() for obj in getattr(self, name).values())
            object.__setattr__(self, "derived", Index.of(everything))

    @property
    def index(self) -> Index:
        """The index."""
        assert self.derived is not None
        return self.derived

    @property
    def cluster(self) -> Cluster | None:
        """The swarm, if this machine is in one."""
        return next(iter(self.clusters.values()), None)

    @property
    def in_use(self) -> bool:
        """Whether there is something that must be neither lost nor taken to another engine."""
        return self.cluster is not None or bool(self.tasks)

    @property
    def node(self) -> Node | None:
        """This machine's node, if it is in a swarm."""
        return next(iter(self.nodes.values()), None)

    def tasks_of(self, service_id: str) -> tuple[Task, ...]:
        """The tasks of a service, oldest first, also where the service is gone."""
        tasks = (self.tasks[key] for key in self.index.tasks.get(service_id, ()))
        return tuple(sorted(tasks, key=lambda task: (task.created_at, task.id)))

    def service_named(self, name: str) -> Service | None:
        """A service by its whole name."""
        return self.services.get(self.index.names.get(name, ""))

    def config(self, key: str) -> Config | KeptConfig | None:
        """What a spec means by the ID of a config, whether it is shown or only kept."""
        return self.configs.get(key) or self.kept_configs.get(key)

    def secret(self, key: str) -> Secret | KeptSecret | None:
        """The same of a secret."""
        return self.secrets.get(key) or self.kept_secrets.get(key)

    def files(self, kind: str) -> Mapping[str, File]:
        """The rows of `config` or of `secret`."""
        return self.configs if kind == "config" else self.secrets

    def kept_files(self, kind: str) -> Mapping[str, KeptFile]:
        """Those that are only kept."""
        return self.kept_configs if kind == "config" else self.kept_secrets

    def revision(self, service_id: str, number: int) -> Revision | None:
        """One revision of a service."""
        return self.revisions.get(f"{service_id}.{number}")

    def revisions_of(self, service_id: str) -> tuple[Revision, ...]:
        """The revisions of a service that are kept, oldest first."""
        revisions = (self.revisions[key] for key in self.index.revisions.get(service_id, ()))
        return tuple(sorted(revisions, key=lambda revision: revision.number))

    def releases_of(self, stack: str) -> tuple[Release, ...]:
        """The releases of a stack that are kept, oldest first."""
        releases = (self.releases[key] for key in self.index.releases.get(stack, ()))
        return tuple(sorted(releases, key=lambda release: release.number))

    def release_of(self, stack: str) -> Release | None:
        """The last release of a stack."""
        keys = self.index.releases.get(stack, ())
        return max((self.releases[key] for key in keys), key=lambda release: release.number, default=None)

    def formers_of(self, service_id: str) -> tuple[FormerAddress, ...]:
        """Where tasks of a service have served that leave or are gone, by address."""
        return self.index.formers.get(service_id, ())

    def put(self, obj: Object) -> View:
        """The view with an object created or replaced."""
        collection = self._collection(obj)
        index = self.index.changed(collection.get(obj.id), obj)
        return self._with(obj, collection.set(obj.id, obj), index)

    def without(self, obj: Object) -> View:
        """The view without an object; the same where it has none of that ID."""
        collection = self._collection(obj)
        before = collection.get(obj.id)
        if before is None:
            return self
        return self._with(obj, collection.delete(obj.id), self.index.changed(before, None))

    def _collection(self, obj: Object) -> Map[str, Any]:
        collection: Map[str, Any] = getattr(self, COLLECTION_OF[type(obj)])
        return collection

    def _with(self, obj: Object, collection: Map[str, Any], index: Index) -> View:
        return with_fields(self, **{COLLECTION_OF[type(obj)]: collection, "derived": index})


COLLECTION_OF: dict[type[Object], str] = {
    Cluster: "clusters",
    Node: "nodes",
    Network: "networks",
    Lease: "leases",
    FormerAddress: "formers",
    Service: "services",
    Task: "tasks",
    Config: "configs",
    Secret: "secrets",
    KeptConfig: "kept_configs",
    KeptSecret: "kept_secrets",
    Revision: "revisions",
    Release: "releases",
    Decision: "decisions",
    User: "users",
    Listener: "listeners",
}
"""Which mapping of a view holds the objects of a type."""

assert {*COLLECTION_OF.values(), "version", "locked", "derived"} == {field.name for field in fields(View)}
