"""What one service gives to the network as a whole: its VIPs, ports, names and clients.

It depends on the service's row, its tasks and the networks, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skerry.core.attach import networks_of, published_network
from skerry.core.handling import handling_of
from skerry.core.view import View
from skerry.model.defaults import SECOND
from skerry.model.objects import Network, Service, Task
from skerry.model.specs import read_endpoint, read_template
from skerry.model.states import TaskState
from skerry.model.traffic import Backend, Client, Name, PublishedPort, VirtualService

STACK_LABEL = "com.docker.stack.namespace"


@dataclass(frozen=True)
class Share:
    """A service's part of the traffic. One that is gone has clients alone, while its last tasks end."""

    virtual: tuple[VirtualService, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    names: tuple[Name, ...] = ()
    clients: tuple[Client, ...] = ()
    born: tuple[tuple[str, int], ...] = ()
    """Of a stack's service: the networks of its VIPs, and when (ns) it was made."""
    placed: bool = False
    """Whether one of its tasks has a place: such a service keeps a port that another one wants too."""


def share(view: View, service_id: str) -> Share:
    """A service's share, made from its row, its tasks and the networks."""
    tasks = view.tasks_of(service_id)
    clients = tuple(client for task in tasks for client in _clients(task))
    service = view.services.get(service_id)
    if service is None:
        return Share(clients=clients)
    return Share(
        virtual=tuple(_virtual(view, service)),
        ports=tuple(_ports(view, service)),
        names=tuple(_names(view, service)),
        clients=clients,
        born=tuple(_born(service)),
        placed=any(TaskState.ASSIGNED <= task.status.state <= TaskState.RUNNING for task in tasks),
    )


def in_table(task: Task) -> bool:
    """Whether new connections may reach a task."""
    return task.live and task.status.state == TaskState.RUNNING


def _backends(view: View, service: Service, network_id: str) -> tuple[Backend, ...]:
    return tuple(
        Backend(task.id, one.address)
        for task in view.tasks_of(service.id)
        if in_table(task)
        for one in task.attachments
        if one.network_id == network_id and one.address
    )


def _virtual(view: View, service: Service) -> Iterator[VirtualService]:
    for vip in service.endpoint.vips:
        if vip.address:
            backends = _backends(view, service, vip.network_id)
            hold_s = handling_of(service).hold_timeout / SECOND
            yield VirtualService(service.id, vip.network_id, vip.address, backends, hold_s)


def _ports(view: View, service: Service) -> Iterator[PublishedPort]:
    network = published_network(view, service)
    vips = {vip.network_id: vip.address for vip in service.endpoint.vips}
    if network is None or network.id not in vips:
        return
    backends = _backends(view, service, network.id)
    for port in service.endpoint.ports:
        if port.published and not port.fault:
            yield PublishedPort(
                port.protocol, port.published, port.target, service.id, vips[network.id], backends,
                handling_of(service).hold_timeout / SECOND,
            )  # fmt: skip


def _names(view: View, service: Service) -> Iterator[Name]:
    by_vip = read_endpoint(service.spec.get("EndpointSpec")).mode != "dnsrr"
    vips = {vip.network_id: vip.address for vip in service.endpoint.vips}
    for network in networks_of(view, service):
        if network.id not in vips:
            continue
        tasks = _backends(view, service, network.id)
        each = tuple(backend.address for backend in tasks)
        for name in _service_names(service, network):
            yield Name(network.id, name, (vips[network.id],) if by_vip else each)
            yield Name(network.id, f"tasks.{name}", each)
        for backend in tasks:
            yield Name(network.id, view.tasks[backend.task_id].name.lower(), (backend.address,))


def _service_names(service: Service, network: Network) -> Iterator[str]:
    template = read_template(service.spec.get("TaskTemplate", {}))
    yield service.name.lower()
    yield f"{service.name}.{network.name}".lower()
    for one in template.networks or ():
        if one.target == network.id:
            yield from (alias.lower() for alias in one.aliases or () if alias.lower() != service.name.lower())


def _born(service: Service) -> Iterator[tuple[str, int]]:
    if STACK_LABEL in (service.spec.get("Labels") or {}):
        for vip in service.endpoint.vips:
            yield vip.network_id, service.created_at


def _clients(task: Task) -> Iterator[Client]:
    addresses = [one for one in task.attachments if one.address]
    if task.status.state.terminal or not addresses:
        return
    dns = read_template(task.spec).container.dns_config
    networks = tuple(one.network_id for one in addresses)
    for one in addresses:
        yield Client(one.address, networks, tuple((dns and dns.nameservers) or ()), task_id=task.id)
