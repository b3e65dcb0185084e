"""What the core looks up by something other than an ID, kept up with every change instead of searched for."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any, TypeVar

from immutables import Map

from skerry.model.family import Family, family_of
from skerry.model.objects import FormerAddress, Lease, Object, Revision, Service, Task
from skerry.model.releases import Release

K = TypeVar("K")
D = TypeVar("D")
Keys = Map[str, None]
"""A persistent set of IDs."""
PortKey = tuple[str, int]
"""Protocol and number, e.g. `("tcp", 80)`."""
Holders = Map[int, Keys]
"""Who has which address of one network: IDs by the address as a number."""


def with_fields(value: D, **fields: Any) -> D:
    """A frozen dataclass with other values in some fields: what `dataclasses.replace` does, at a tenth of its
    price, as it is done several times for every row that is written."""
    new = object.__new__(type(value))
    new.__dict__.update(value.__dict__, **fields)
    return new


def number_of(address: str) -> int:
    """An address as a number."""
    if ":" in address:
        return int(IPv6Address(address))
    first, second, third, fourth = address.split(".")
    return int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth)


@dataclass(frozen=True)
class Index:
    """One for each view; `changed` makes the next one."""

    tasks: Map[str, Keys] = Map()
    """Tasks by service, also where the service is gone."""
    names: Map[str, str] = Map()
    """Services by name."""
    revisions: Map[str, Keys] = Map()
    """Revisions by service."""
    releases: Map[str, Keys] = Map()
    """Releases by stack."""
    formers: Map[str, tuple[FormerAddress, ...]] = Map()
    """Former addresses by service, in the order of their IDs: each pass goes through them."""
    addresses: Map[str, Holders] = Map()
    """By network: services by their virtual IPs, placed tasks, and containers that run."""
    idle: Map[str, Holders] = Map()
    """By network: the addresses that containers had which do not run."""
    left: Map[str, Holders] = Map()
    """By network: former addresses."""
    last_vip: Map[tuple[str, Family], int] = field(default=Map(), compare=False)
    """By network and family: the virtual IP that was given last."""
    last_task: Map[tuple[str, Family], int] = field(default=Map(), compare=False)
    """The address that a task was given last."""
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
        index = Index()
        for obj in sorted(objects, key=lambda obj: (obj.created_at, obj.id)):
            index = index.changed(None, obj)
        return index

    def changed(self, old: Object | None, new: Object | None) -> Index:
        """The index after one object was created (no `old`), replaced, or removed (no `new`)."""
        match new if new is not None else old:
            case Task():
                return self._task_changed(old, new)  # type: ignore[arg-type]
            case Service():
                return self._service_changed(old, new)  # type: ignore[arg-type]
            case Lease():
                return self._lease_changed(old, new)  # type: ignore[arg-type]
            case FormerAddress():
                return self._former_changed(old, new)  # type: ignore[arg-type]
            case Revision(id=key, service_id=service_id) if old is None or new is None:
                return with_fields(
                    self, revisions=_with_member(self.revisions, service_id, key, new is not None)
                )
            case Release(id=key, stack=stack) if old is None or new is None:
                return with_fields(self, releases=_with_member(self.releases, stack, key, new is not None))
        return self

    def _task_changed(self, old: Task | None, new: Task | None) -> Index:
        task = new or old
        assert task is not None
        index = self
        if old is None or new is None:
            tasks = _with_member(index.tasks, task.service_id, task.id, new is not None)
            index = with_fields(index, tasks=tasks)
        index = index._renumbered(task.id, own_ports_of(old), own_ports_of(new))
        index = index._task_moved(old, new)
        held = [row is not None and row.placed for row in (old, new)]
        if held[0] == held[1]:
            return index  # the specs of a task's rows never differ
        return index._placed(task, 1 if held[1] else -1)

    def _renumbered(self, key: str, before: frozenset[PortKey], after: frozenset[PortKey]) -> Index:
        if before == after:
            return self
        own_ports = self.own_ports
        for port in before ^ after:
            own_ports = _with_member(own_ports, port, key, port in after)
        return with_fields(self, own_ports=own_ports)

    def _task_moved(self, old: Task | None, new: Task | None) -> Index:
        """The index after a task came to other addresses; the next search begins behind the last one."""
        before, after = addresses_of(old), addresses_of(new)
        if before == after:
            return self
        addresses, last = self.addresses, self.last_task
        task = new or old
        assert task is not None
        for network_id, address in before:
            addresses = _with_holder(addresses, network_id, address, task.id, False)
        for network_id, address in after:
            addresses = _with_holder(addresses, network_id, address, task.id, True)
            if (network_id, address) not in before:
                last = last.set((network_id, family_of(address)), number_of(address))
        return with_fields(self, addresses=addresses, last_task=last)

    def _placed(self, task: Task, sign: int) -> Index:
        cpus, memory = reserved(task)
        host_ports = self.host_ports
        for key in host_ports_of(task):
            host_ports = _with_member(host_ports, key, task.id, sign > 0)
        return with_fields(
            self,
            host_ports=host_ports,
            nano_cpus=self.nano_cpus + sign * cpus,
            memory_bytes=self.memory_bytes + sign * memory,
        )

    def _service_changed(self, old: Service | None, new: Service | None) -> Index:
        """The index after a service came or went, or its virtual IPs or published ports changed."""
        if old is not None and new is not None and old.endpoint == new.endpoint:
            return self
        names = self.names
        if old is None and new is not None:
            names = names.set(new.name, new.id)
        elif new is None and old is not None and names.get(old.name) == old.id:
            names = names.delete(old.name)
        addresses, last, ports = self.addresses, self.last_vip, self.ports
        known = {vip.address for vip in old.endpoint.vips} if old is not None else set()
        for service, present in ((old, False), (new, True)):
            if service is None:
                continue
            for vip in service.endpoint.vips:
                addresses = _with_holder(addresses, vip.network_id, vip.address, service.id, present)
                if present and vip.address not in known:
                    place = vip.network_id, family_of(vip.address)
                    last = last.set(place, number_of(vip.address))
            for port in service.endpoint.ports:
                ports = _with_member(ports, (port.protocol, port.published), service.id, present)
        return with_fields(self, names=names, addresses=addresses, last_vip=last, ports=ports)

    def _lease_changed(self, old: Lease | None, new: Lease | None) -> Index:
        tables = {True: self.addresses, False: self.idle}
        for lease, present in ((old, False), (new, True)):
            if lease is not None:
                tables[lease.held] = _with_holder(
                    tables[lease.held], lease.network_id, lease.address, lease.id, present
                )
        return with_fields(self, addresses=tables[True], idle=tables[False])

    def _former_changed(self, old: FormerAddress | None, new: FormerAddress | None) -> Index:
        formers, left = self.formers, self.left
        for former, present in ((old, False), (new, True)):
            if former is not None:
                formers = _with_former(formers, former, present)
                left = _with_holder(left, former.network_id, former.address, former.id, present)
        return with_fields(self, formers=formers, left=left)


def _with_former(
    services: Map[str, tuple[FormerAddress, ...]], former: FormerAddress, present: bool
) -> Map[str, tuple[FormerAddress, ...]]:
    """The former addresses by service, with one of them more, or less."""
    others = [other for other in services.get(former.service_id, ()) if other.id != former.id]
    if present:
        insort(others, former, key=lambda other: other.id)
    if others:
        return services.set(former.service_id, tuple(others))
    return services.delete(former.service_id) if former.service_id in services else services


def _with_holder(
    networks: Map[str, Holders], network_id: str, address: str, key: str, present: bool
) -> Map[str, Holders]:
    """The holders of addresses by network, with one of them more, or less."""
    holders = _with_member(networks.get(network_id, Map()), number_of(address), key, present)
    if holders:
        return networks.set(network_id, holders)
    return networks.delete(network_id) if network_id in networks else networks


def addresses_of(task: Task | None) -> tuple[tuple[str, str], ...]:
    """The addresses that nobody else gets as long as the task is placed, each with its network: what it was
    given, and where it is in fact."""
    if task is None or not task.placed:
        return ()
    both = (
        (attachment.network_id, address)
        for attachment in task.attachments
        for address in (*attachment.reservations, *attachment.addresses)
    )
    return tuple(dict.fromkeys(both))


def _with_member(groups: Map[K, Keys], group: K, key: str, present: bool) -> Map[K, Keys]:
    """The groups with a key in one of them, or out of it."""
    keys: Keys = groups.get(group, Map())
    after = keys.set(key, None) if present else keys.delete(key) if key in keys else keys
    if after:
        return groups.set(group, after)
    return groups.delete(group) if group in groups else groups


def reserved(task: Task) -> tuple[int, int]:
    """NanoCPUs and bytes of memory that a task reserves."""
    reservations = task.spec.typed.resources.reservations
    return reservations.nano_cpus, reservations.memory_bytes


def host_ports_of(task: Task) -> set[PortKey]:
    """The fixed ports that a task publishes in host mode."""
    return {
        (port.protocol, port.published_port)
        for port in task.endpoint.ports
        if port.publish_mode == "host" and port.published_port
    }


def own_ports_of(task: Task | None) -> frozenset[PortKey]:
    """The numbers that a task has for itself alone."""
    if task is None or not task.ports or task.status.state.terminal:
        return frozenset()
    return frozenset((port.protocol, port.published) for port in task.ports if port.published)
