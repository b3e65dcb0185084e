"""What the core looks up by something other than an ID, kept up with every change instead of searched for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from immutables import Map

from skerry.model.objects import Object, Revision, Service, Task

K = TypeVar("K")
Keys = Map[str, None]
"""A persistent set of IDs."""
PortKey = tuple[str, int]
"""Protocol and number, e.g. `("tcp", 80)`."""


@dataclass(frozen=True)
class Index:
    """One for each view; `changed` makes the next one."""

    tasks: Map[str, Keys] = Map()
    """Tasks by service, also where the service is gone."""
    revisions: Map[str, Keys] = Map()
    """Revisions by service."""
    vips: Map[tuple[str, str], Keys] = Map()
    """Services by (network ID, address) of a virtual IP."""
    ports: Map[PortKey, Keys] = Map()
    """Services by a port that they publish."""
    host_ports: Map[PortKey, Keys] = Map()
    """Placed tasks by a port that they publish in host mode."""
    own_ports: Map[PortKey, Keys] = Map()
    """Tasks by a number that is their own alone, from when it is chosen until they end."""
    nano_cpus: int = 0
    """What placed tasks have reserved, all together."""
    memory_bytes: int = 0

    @staticmethod
    def of(objects: Iterable[Object]) -> Index:
        """The index of these objects."""
        found = Index()
        for obj in objects:
            found = found.changed(None, obj)
        return found

    def changed(self, old: Object | None, new: Object | None) -> Index:
        """The index after one object was created (no `old`), replaced, or removed (no `new`)."""
        match new if new is not None else old:
            case Task():
                return self._task_changed(old, new)  # type: ignore[arg-type]
            case Service():
                return self._service_changed(old, new)  # type: ignore[arg-type]
            case Revision(id=key, service_id=service_id) if old is None or new is None:
                return replace(self, revisions=_kept(self.revisions, service_id, key, new is not None))
        return self

    def _task_changed(self, old: Task | None, new: Task | None) -> Index:
        task = new or old
        assert task is not None
        found = self
        if old is None or new is None:
            found = replace(found, tasks=_kept(found.tasks, task.service_id, task.id, new is not None))
        found = found._renumbered(task.id, own_ports_of(old), own_ports_of(new))
        held = [one is not None and one.placed for one in (old, new)]
        if held[0] == held[1]:
            return found  # the specs of a task's rows never differ
        return found._placed(task, 1 if held[1] else -1)

    def _renumbered(self, key: str, before: frozenset[PortKey], after: frozenset[PortKey]) -> Index:
        if before == after:
            return self
        own_ports = self.own_ports
        for port in before ^ after:
            own_ports = _kept(own_ports, port, key, port in after)
        return replace(self, own_ports=own_ports)

    def _placed(self, task: Task, sign: int) -> Index:
        cpus, memory = reserved(task)
        host_ports = self.host_ports
        for key in host_ports_of(task):
            host_ports = _kept(host_ports, key, task.id, sign > 0)
        return replace(
            self,
            host_ports=host_ports,
            nano_cpus=self.nano_cpus + sign * cpus,
            memory_bytes=self.memory_bytes + sign * memory,
        )

    def _service_changed(self, old: Service | None, new: Service | None) -> Index:
        if old is not None and new is not None and old.endpoint == new.endpoint:
            return self
        vips, ports = self.vips, self.ports
        for service, there in ((old, False), (new, True)):
            if service is None:
                continue
            for vip in service.endpoint.vips:
                vips = _kept(vips, (vip.network_id, vip.address), service.id, there)
            for port in service.endpoint.ports:
                ports = _kept(ports, (port.protocol, port.published), service.id, there)
        return replace(self, vips=vips, ports=ports)


def _kept(groups: Map[K, Keys], group: K, key: str, there: bool) -> Map[K, Keys]:
    """The groups with a key in one of them, or out of it."""
    keys: Keys = groups.get(group, Map())
    after = keys.set(key, None) if there else keys.delete(key) if key in keys else keys
    if after:
        return groups.set(group, after)
    return groups.delete(group) if group in groups else groups


def reserved(task: Task) -> tuple[int, int]:
    """NanoCPUs and bytes of memory that a task reserves."""
    wanted = (task.spec.get("Resources") or {}).get("Reservations") or {}
    return wanted.get("NanoCPUs") or 0, wanted.get("MemoryBytes") or 0


def host_ports_of(task: Task) -> set[PortKey]:
    """The fixed ports that a task publishes in host mode."""
    ports = (task.endpoint_spec or {}).get("Ports") or ()
    return {
        (one.get("Protocol") or "tcp", one["PublishedPort"])
        for one in ports
        if one.get("PublishMode") == "host" and one.get("PublishedPort")
    }


def own_ports_of(task: Task | None) -> frozenset[PortKey]:
    """The numbers that a task has for itself alone."""
    if task is None or not task.ports or task.status.state.terminal:
        return frozenset()
    return frozenset((port.protocol, port.published) for port in task.ports if port.published)
