"""What one service gives to the network as a whole: its VIPs, ports, names and clients.

It depends on the service's row, its tasks and the networks, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from skerry.core.addresses import retaken
from skerry.core.attach import holding_network, leads_elsewhere, networks_of, way_in
from skerry.core.naming import clients_of, names_of, stack_of
from skerry.core.stopped import refuses
from skerry.core.traffic_policy import policy_of
from skerry.core.view import View
from skerry.model.defaults import SECOND
from skerry.model.family import FAMILIES, Family, family_of
from skerry.model.objects import FormerAddress, Object, Service, Task
from skerry.model.states import TaskState
from skerry.model.traffic import Backend, Client, Former, Name, PublishedPort, VirtualService


@dataclass(frozen=True)
class ServiceTraffic:
    """A service's part of the traffic. One that is gone has clients alone, while its last tasks end."""

    virtual: tuple[VirtualService, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    names: tuple[Name, ...] = ()
    clients: tuple[Client, ...] = ()
    born: tuple[tuple[str, int], ...] = ()
    """Of a stack's service: the networks of its VIPs, and when (ns) it was made."""
    placed: bool = False
    """Whether one of its tasks has a place: such a service keeps a port that another one wants too."""


def service_traffic(view: View, service_id: str) -> ServiceTraffic:
    """A service's share, made from its row, its tasks and the networks."""
    tasks = view.tasks_of(service_id)
    clients = tuple(client for task in tasks for client in clients_of(view, task))
    service = view.services.get(service_id)
    if service is None:
        return ServiceTraffic(clients=clients)
    return ServiceTraffic(
        virtual=tuple(_virtual(view, service)),
        ports=tuple(_ports(view, service)),
        names=tuple(_names(view, service)),
        clients=clients,
        born=tuple(_born(service)),
        placed=any(task.placed for task in tasks),
    )


def alters_traffic(before: Object | None, after: Object | None) -> bool:
    """Whether a change of a row, which may be new or gone, can alter what its service gives. Most don't."""
    return _part(before) != _part(after)


def _part(row: Object | None) -> tuple[object, ...]:
    """What a service's share is made of, as far as it stands in one row. Tasks that are over give nothing."""
    match row:
        case Service():
            return (row.name, row.spec, row.endpoint, row.created_at, row.stopped is None)
        case Task(status=status) if not status.state.terminal:
            stage = (row.live, row.placed, status.state == TaskState.RUNNING)
            return (*stage, row.attachments, row.ports, row.node_id, status.container_id, status.unheard)
        case FormerAddress():
            return (row.service_id, row.network_id, row.address)
    return ()


def in_table(task: Task) -> bool:
    """Whether new connections may reach a task."""
    return task.live and task.status.state == TaskState.RUNNING


def _backends(view: View, service: Service, network_id: str, family: Family) -> tuple[Backend, ...]:
    return tuple(
        Backend(task.id, address, unheard=task.status.unheard)
        for task in view.tasks_of(service.id)
        if in_table(task)
        for attachment in task.attachments
        if attachment.network_id == network_id and (address := attachment.at(family))
    )


def _virtual(view: View, service: Service) -> Iterator[VirtualService]:
    for vip in service.endpoint.vips:
        if vip.address:
            family = family_of(vip.address)
            backends = _backends(view, service, vip.network_id, family)
            hold_s = _hold_s(view, service)
            former = _former(view, service, vip.network_id, family)
            yield VirtualService(service.id, vip.network_id, vip.address, backends, hold_s, former)


def _hold_s(view: View, service: Service) -> float:
    """How long a connection waits while nobody serves it; of a service that is stopped none does."""
    return 0.0 if refuses(view, service) else policy_of(service).hold_timeout / SECOND


def _former(view: View, service: Service, network_id: str, family: Family) -> tuple[Former, ...]:
    """Addresses of tasks that leave, and of those that are gone as long as nobody else has them."""
    leaving = {
        place.at(family)
        for task in view.tasks_of(service.id)
        if task.status.state == TaskState.RUNNING and not task.live
        for place in task.attachments
        if place.network_id == network_id and place.at(family)
    }
    held = retaken(view, network_id)
    gone = [
        Former(former.address)
        for former in view.formers_of(service.id)
        if former.network_id == network_id
        and former.address not in leaving
        and former.id not in held
        and family_of(former.address) is family
    ]
    return (*(Former(address, gone=False) for address in sorted(leaving)), *gone)


def _ports(view: View, service: Service) -> Iterator[PublishedPort]:
    """The service's published ports, and those that tasks have in host mode, each with who serves it."""
    for family in FAMILIES:
        if (network := holding_network(view, service, family)) is not None:
            yield from _ports_over(view, service, family, _vips_on(service, network.id, family)[0])


def _vips_on(service: Service, network_id: str, *families: Family) -> tuple[str, ...]:
    """A service's virtual IPs on a network, of these families."""
    vips = (vip.address for vip in service.endpoint.vips if vip.network_id == network_id)
    return tuple(address for address in vips if family_of(address) in families)


def _ports_over(view: View, service: Service, family: Family, vip: str) -> Iterator[PublishedPort]:
    """The same over one family, held at a virtual IP."""
    hold_s = _hold_s(view, service)
    entrances = tuple(_entrances(view, service, family))
    for port in service.endpoint.ports:
        if port.published and not port.fault:
            backends = _hearing(port.protocol, entrances)
            target = (port.protocol, port.published, port.target, service.id)
            yield PublishedPort(*target, vip, backends, hold_s)
    for task in view.tasks_of(service.id):
        if task.live and not task.status.state.terminal:
            own = tuple(backend for backend in entrances if backend.task_id == task.id)
            for port in task.ports:
                if port.published and not port.fault:  # no virtual IP: that would lead to its neighbours
                    backends = _hearing(port.protocol, own)
                    yield PublishedPort(
                        port.protocol, port.published, port.target, service.id, "", backends, hold_s
                    )


def _hearing(protocol: str, backends: tuple[Backend, ...]) -> tuple[Backend, ...]:
    """Those that take connections of a protocol."""
    return tuple(backend for backend in backends if protocol != "tcp" or not backend.unheard)


def _entrances(view: View, service: Service, family: Family) -> Iterator[Backend]:
    """Where published ports reach each ready task."""
    for task in view.tasks_of(service.id):
        place = way_in(view, task) if in_table(task) else None
        if place is not None and (address := place.at(family)):
            yield Backend(task.id, address, masked=leads_elsewhere(view, task), unheard=task.status.unheard)


def _names(view: View, service: Service) -> Iterator[Name]:
    for network in networks_of(view, service):
        vips = _vips_on(service, network.id, *FAMILIES)
        if network.node_local or (vips and not network.ingress):
            each = (_backends(view, service, network.id, family) for family in FAMILIES)
            yield from names_of(view, service, network, vips, tuple(chain.from_iterable(each)))


def _born(service: Service) -> Iterator[tuple[str, int]]:
    if stack_of(service.spec.typed.labels):
        for vip in service.endpoint.vips:
            yield vip.network_id, service.created_at
